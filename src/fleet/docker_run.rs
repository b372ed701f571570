//! The limits of the container that a unit starts: `-m` and `-c` of the `docker run` in its `ExecStart=`.
//!
//! fleet hands the line to systemd and looks at none of it; a limit only counts on the machine. Lines are read where they are
//! simple: docker itself, or a shell with `-c` and one script. What could hide a limit (a flag nobody knows, a limit that is a
//! variable) is said, never guessed.

use crate::error::{Error, Result};
use crate::units::Bytes;

/// What an `ExecStart=` runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DockerRun {
    /// No `docker run` in it.
    #[default]
    Absent,
    /// One, with these limits.
    Limits(DockerLimits),
    /// One whose limits cannot be told, and why.
    Unclear(String),
}

/// Limits of a container; by default there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DockerLimits {
    /// `-m`: the kernel kills in the container what goes beyond.
    pub memory: Option<Bytes>,
    /// `-c`: cgroup `cpu.shares`, a weight among containers and no ceiling; 1024 where there is none.
    pub cpu_shares: Option<u64>,
}

/// Flags of `docker run` (to 1.12) that take no value.
const SWITCHES: &[&str] = &[
    "--detach",
    "--disable-content-trust",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--read-only",
    "--rm",
    "--sig-proxy",
    "--tty",
];

/// Letters that take no value and may stand together: `-it`.
const SWITCH_LETTERS: &str = "ditP";

/// Flags that take a value, in the next word or behind `=`.
const VALUES: &[&str] = &[
    "--add-host",
    "--attach",
    "--blkio-weight",
    "--blkio-weight-device",
    "--cap-add",
    "--cap-drop",
    "--cgroup-parent",
    "--cidfile",
    "--cpu-period",
    "--cpu-quota",
    "--cpu-shares",
    "--cpuset",
    "--cpuset-cpus",
    "--cpuset-mems",
    "--detach-keys",
    "--device",
    "--device-read-bps",
    "--device-read-iops",
    "--device-write-bps",
    "--device-write-iops",
    "--dns",
    "--dns-opt",
    "--dns-search",
    "--entrypoint",
    "--env",
    "--env-file",
    "--expose",
    "--group-add",
    "--hostname",
    "--ip",
    "--ip6",
    "--ipc",
    "--isolation",
    "--kernel-memory",
    "--label",
    "--label-file",
    "--link",
    "--link-local-ip",
    "--log-driver",
    "--log-opt",
    "--lxc-conf",
    "--mac-address",
    "--memory",
    "--memory-reservation",
    "--memory-swap",
    "--memory-swappiness",
    "--name",
    "--net",
    "--net-alias",
    "--network",
    "--network-alias",
    "--oom-score-adj",
    "--pid",
    "--pids-limit",
    "--publish",
    "--restart",
    "--runtime",
    "--security-opt",
    "--shm-size",
    "--stop-signal",
    "--storage-opt",
    "--sysctl",
    "--tmpfs",
    "--ulimit",
    "--user",
    "--userns",
    "--uts",
    "--volume",
    "--volume-driver",
    "--volumes-from",
    "--workdir",
];

/// Letters that take a value, in the same word or the next.
const VALUE_LETTERS: &str = "acehlmpuvw";

impl DockerRun {
    /// Reads an `ExecStart=`, continuation lines joined.
    pub fn read(exec: &str) -> DockerRun {
        let words = words(exec);
        // What may stand before the path says how systemd runs it, not what.
        let program = words.first().map(|word| word.trim_start_matches(['-', '@', '+', '!', ':']));
        let shell = program.is_some_and(|p| matches!(base(p), "sh" | "bash" | "dash"));
        let runs = match (shell, &words[..]) {
            (true, [_, flag, script, ..]) if flag.starts_with('-') && flag.ends_with('c') => {
                commands(script).iter().filter_map(|command| arguments(command)).map(<[String]>::to_vec).collect()
            }
            _ => arguments(&words).map(<[String]>::to_vec).into_iter().collect::<Vec<_>>(),
        };
        match &runs[..] {
            [] => DockerRun::Absent,
            [run] => match limits(run) {
                Ok(limits) => DockerRun::Limits(limits),
                Err(why) => DockerRun::Unclear(why.message().to_string()),
            },
            _ => DockerRun::Unclear("docker run stands in it more than once".into()),
        }
    }
}

/// What follows `docker run` in a command.
fn arguments(command: &[String]) -> Option<&[String]> {
    let mut rest = command;
    loop {
        let (first, tail) = rest.split_first()?;
        let program = base(first.trim_start_matches(['-', '@', '+', '!', ':']));
        rest = match (program, tail.first().map(String::as_str)) {
            ("docker", Some("run")) => return Some(&tail[1..]),
            // These run the command that follows; `A=b` before it sets a variable.
            ("exec" | "env" | "sudo" | "nice", _) => tail,
            _ if first.contains('=') && !first.starts_with('-') => tail,
            _ => return None,
        };
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads the flags up to the image.
fn limits(arguments: &[String]) -> Result<DockerLimits> {
    let mut limits = DockerLimits::default();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            return Ok(limits);
        }
        let mut next = |flag: &str| {
            let value = words.next();
            value.ok_or_else(|| Error::input(format!("{flag} has no value")))
        };
        let (flag, value) = if word.starts_with("--") {
            match word.split_once('=') {
                Some((flag, value)) if VALUES.contains(&flag) => (flag, value),
                Some((flag, _)) if SWITCHES.contains(&flag) => continue,
                None if SWITCHES.contains(&word) => continue,
                None if VALUES.contains(&word) => (word, next(word)?),
                _ => return Err(unknown(word)),
            }
        } else {
            let letters = word[1..].trim_start_matches(|c| SWITCH_LETTERS.contains(c));
            let Some(letter) = letters.chars().next() else { continue };
            if !VALUE_LETTERS.contains(letter) {
                return Err(unknown(word));
            }
            let behind = &letters[letter.len_utf8()..];
            let value = if behind.is_empty() { next(word)? } else { behind.strip_prefix('=').unwrap_or(behind) };
            match letter {
                'm' => ("--memory", value),
                'c' => ("--cpu-shares", value),
                _ => continue,
            }
        };
        match flag {
            "--memory" => limits.memory = memory(value)?,
            "--cpu-shares" => limits.cpu_shares = cpu_shares(value)?,
            _ => {}
        }
    }
    Err(Error::input("docker run names no image"))
}

fn unknown(flag: &str) -> Error {
    Error::input(format!("nothing is known of docker run's {flag}, so what follows it cannot be told apart"))
}

/// `512m`, `1G`, `1073741824`, `64MB`: powers of 1024 (`RAMInBytes`); 0 is no limit.
fn memory(text: &str) -> Result<Option<Bytes>> {
    let bad = || Error::input(format!("\"{text}\" is no amount of memory (try 512m or 1g)"));
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_suffix('b').unwrap_or(&lower);
    let (number, shift) = match number.chars().last() {
        Some('k') => (&number[..number.len() - 1], 10),
        Some('m') => (&number[..number.len() - 1], 20),
        Some('g') => (&number[..number.len() - 1], 30),
        Some('t') => (&number[..number.len() - 1], 40),
        _ => (number, 0),
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let bytes = number.parse::<i64>().ok().and_then(|n| n.checked_mul(1 << shift)).ok_or_else(bad)?;
    Ok((bytes > 0).then_some(Bytes(bytes)))
}

/// Whole numbers; 0 is the default weight.
fn cpu_shares(text: &str) -> Result<Option<u64>> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let shares = is_number.then(|| text.parse::<u64>().ok()).flatten();
    let shares = shares.ok_or_else(|| Error::input(format!("\"{text}\" is no weight of CPU (try 512)")))?;
    Ok((shares > 0).then_some(shares))
}

/// The words of a systemd command line.
fn words(text: &str) -> Vec<String> {
    commands_of(text, false).pop().unwrap_or_default()
}

/// The commands of a shell script, cut at `;`, `&`, `|` and line ends.
fn commands(script: &str) -> Vec<Vec<String>> {
    commands_of(script, true)
}

/// Words, without their quotes. In a script what stands in `$(…)` or between backquotes belongs to its word.
fn commands_of(text: &str, script: bool) -> Vec<Vec<String>> {
    let (mut commands, mut command) = (Vec::new(), Vec::new());
    let mut word: Option<String> = None;
    let (mut quote, mut depth, mut backquoted): (Option<char>, usize, bool) = (None, 0, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let nested = depth > 0 || backquoted;
        match c {
            '\\' if quote != Some('\'') => word.get_or_insert_default().extend(chars.next()),
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() && !nested => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '$' if script && quote != Some('\'') && chars.peek() == Some(&'(') => {
                depth += 1;
                chars.next();
                word.get_or_insert_default().push_str("$(");
            }
            '(' if depth > 0 => {
                depth += 1;
                word.get_or_insert_default().push(c);
            }
            ')' if depth > 0 => {
                depth -= 1;
                word.get_or_insert_default().push(c);
            }
            '`' if script && quote != Some('\'') => {
                backquoted = !backquoted;
                word.get_or_insert_default().push(c);
            }
            ';' | '&' | '|' | '\n' if script && quote.is_none() && !nested => {
                command.extend(word.take());
                commands.push(std::mem::take(&mut command));
            }
            _ if c.is_whitespace() && quote.is_none() && !nested => command.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    command.extend(word.take());
    commands.push(command);
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exec: &str, memory_mib: i64, cpu_shares: u64) {
        let want = DockerLimits {
            memory: (memory_mib > 0).then_some(Bytes(memory_mib << 20)),
            cpu_shares: (cpu_shares > 0).then_some(cpu_shares),
        };
        assert_eq!(DockerRun::read(exec), DockerRun::Limits(want), "{exec}");
    }

    #[test]
    fn limits_are_read_from_the_lines_that_deis_wrote() {
        // controller/scheduler/fleet.py, with and without limits.
        let image = "IMAGE=$(etcdctl get /deis/registry/host 2>&1):$(etcdctl get /deis/registry/port 2>&1)/app:v2";
        let start = |limits: &str| {
            format!("/bin/sh -c '{image}; docker run --name app_v2.web.1 --rm {limits} -P $IMAGE start web'")
        };
        check(&start(""), 0, 0);
        check(&start("-m 512m --memory-swap=-1 -c 256 -h app"), 512, 256);
        check("/bin/sh -c \"docker run --name deis-builder --rm -c 800 -p 2223:22 --privileged $IMAGE\"", 0, 800);
        // deisctl's platform units ask for the image between backquotes.
        let image = "IMAGE=`/run/deis/bin/get_image /deis/x`";
        check(&format!("/bin/sh -c \"{image} && docker run --rm -p 80:80 -e A=$B --net host $IMAGE 2>&1\""), 0, 0);
        check(&format!("/bin/sh -c \"{image} && docker run --volumes-from=d --privileged -c 9 $IMAGE\""), 0, 9);
        check("-/usr/bin/docker run -it -m=1G --env \"A=b c\" -eX=y busybox sleep -m 5m", 1024, 0);
        check("/usr/bin/docker run --memory=64MB --cpu-shares 2 -dP busybox", 64, 2);
        check("/usr/bin/env FOO=bar docker run -m512m busybox", 512, 0);
        check("/bin/bash -xc 'docker rm -f a; A=1 exec docker run -m 0 -c 0 busybox'", 0, 0);
        check("/usr/bin/docker run busybox", 0, 0);
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let unclear =
            |exec: &str, why: &str| assert_eq!(DockerRun::read(exec), DockerRun::Unclear(why.into()), "{exec}");
        unclear("docker run -m $MEMORY a", "\"$MEMORY\" is no amount of memory (try 512m or 1g)");
        unclear("docker run -m 99999999999g a", "\"99999999999g\" is no amount of memory (try 512m or 1g)");
        unclear("docker run -m m a", "\"m\" is no amount of memory (try 512m or 1g)");
        unclear("docker run -c half a", "\"half\" is no weight of CPU (try 512)");
        unclear("docker run -m", "-m has no value");
        unclear("docker run --rm", "docker run names no image");
        let why = "nothing is known of docker run's --new, so what follows it cannot be told apart";
        unclear("docker run --new -m 5m a", why);
        unclear("sh -c 'docker run a; docker run b'", "docker run stands in it more than once");
    }

    #[test]
    fn other_programs_have_no_limits() {
        for exec in
            ["", "/usr/bin/sleep 5", "docker start -a x", "sh -c 'echo docker run -m 5m x'", "sh", "sh -c", "docker"]
        {
            assert_eq!(DockerRun::read(exec), DockerRun::Absent, "{exec}");
        }
    }
}
