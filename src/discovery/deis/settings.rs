//! How Deis 1 was set, by version.

use crate::discovery::World;
use crate::parameter::{ParameterInfo, ParameterValue, Parameters};
use crate::units::SimDuration;

/// What a release did otherwise than others: its name, period and TTL of component keys, how often logspout reads the
/// logger's address, what one container takes the publisher, all in milliseconds.
const VERSIONS: &[(&str, u64, u64, Option<u64>, u64)] = &[
    ("1.5.0", 5_000, 10_000, None, 100),
    ("1.10", 10_000, 20_000, None, 100),
    ("1.12.3", 10_000, 20_000, None, 100),
    ("1.13", 10_000, 20_000, Some(10_000), 0),
];

const OR_BY_VERSION: &[&str] = &["by-version", ParameterInfo::A_DURATION];

pub(super) const PARAMETERS: &[ParameterInfo] = &[
    ParameterInfo {
        name: "deis",
        default: "1.12.3",
        words: &["1.5.0", "1.10", "1.12.3", "1.13"],
        summary: "release of Deis 1, which decides what is said to be by-version",
        source: "the last release on fleet before 1.13 was 1.12.3",
        range: "",
    },
    ParameterInfo {
        name: "publish_period",
        default: "10s",
        words: &[],
        summary: "time between a publisher's looks at the app containers of its host",
        source: "publisher/main.go:17, v1.12.3; publisher/publisher.go:15, v0.13.0",
        range: "",
    },
    ParameterInfo {
        name: "publish_ttl",
        default: "20s",
        words: &[],
        summary: "how long an app container's entry lasts unless it is written again",
        source: "publisher/main.go:18, v1.12.3; publisher/publisher.go:18, v0.13.0",
        range: "",
    },
    ParameterInfo {
        name: "component_period",
        default: "by-version",
        words: OR_BY_VERSION,
        summary: "time between a component's announcements of itself: 5 s up to 1.5.2, 10 s since",
        source: "controller/bin/boot:124-128 and the like, v1.5.0, v1.12.3",
        range: "",
    },
    ParameterInfo {
        name: "component_ttl",
        default: "by-version",
        words: OR_BY_VERSION,
        summary: "how long an announcement lasts: 10 s up to 1.5.2, 20 s since; the logger's lasts for ever",
        source: "controller/bin/boot:16 and the like, v1.5.0, v1.12.3; logger/main.go:35,47",
        range: "",
    },
    ParameterInfo {
        name: "confd_interval",
        default: "5s",
        words: &[],
        summary: "time between a router's or component's looks at the keys it is configured by",
        source: "controller/bin/boot:107, v1.12.3 (--interval 5; from 1.4.2 on)",
        range: "",
    },
    ParameterInfo {
        name: "boot_sleep",
        default: "by-version",
        words: OR_BY_VERSION,
        summary: "how long a component waits for stale keys to go before it starts: component_ttl + 1 s; a router half that TTL",
        source: "controller/bin/boot:73-77, router/cmd/boot/boot.go:52, v1.12.3",
        range: "",
    },
    ParameterInfo {
        name: "boot_retry",
        default: "by-version",
        words: OR_BY_VERSION,
        summary: "time between tries of a starting component to reach the store or to be configured: half its TTL",
        source: "controller/bin/boot:18-25,73-77, v1.12.3",
        range: "",
    },
    ParameterInfo {
        name: "logspout_reads",
        default: "by-version",
        words: &["by-version", "once", ParameterInfo::A_DURATION],
        summary: "how often logspout reads the logger's address: once up to 1.12.3, every 10 s since (and ends when it cannot)",
        source: "logspout/logspout.go:211-224, v1.12.3; :205-250, v1.13.4",
        range: "",
    },
    ParameterInfo {
        name: "publisher_time",
        default: "by-version",
        words: OR_BY_VERSION,
        summary: "what one container takes the publisher: a host with more than a period's worth is gone through more slowly; 0 \
                  from 1.13, which goes through all at once",
        source: "assumed 100ms: with over 100 containers a pass takes longer than 10 s (deis/deis #3922, #3203)",
        range: "20ms to 500ms",
    },
    ParameterInfo {
        name: "stop_removes",
        default: "on",
        words: &["on", "off"],
        summary: "whether the publisher removes the entry of a container that was stopped (not: that died)",
        source: "publisher/server/publisher.go:47-82, v1.12.3; from 1.5.0 (7455c2f5)",
        range: "",
    },
    ParameterInfo {
        name: "client_timeout",
        default: "5s",
        words: &[],
        summary: "how long etcdctl, confd and publisher wait for an answer of the store",
        source: "assumed (etcdctl's total time-out; confd and go-etcd have others)",
        range: "1s to 30s",
    },
    ParameterInfo {
        name: "release_wait",
        default: "20m",
        words: &[],
        summary: "how long a new release waits for one container to serve before it goes on to the next",
        source: "controller/scheduler/fleet.py:195-202, v1.12.3 (1200 looks of 1 s)",
        range: "",
    },
];

/// How long everything takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub publish_period: SimDuration,
    pub publish_ttl: SimDuration,
    pub component_period: SimDuration,
    pub component_ttl: SimDuration,
    pub confd: SimDuration,
    pub sleep: SimDuration,
    pub router_sleep: SimDuration,
    pub retry: SimDuration,
    /// `None`: once, at its start.
    pub logspout: Option<SimDuration>,
    pub publisher_time: SimDuration,
    pub stop_removes: bool,
    pub timeout: SimDuration,
    pub release_wait: SimDuration,
}

impl Settings {
    pub(super) fn new(world: &World) -> Settings {
        let set = Parameters::new(PARAMETERS, world.parameters);
        let ParameterValue::Word(version) = set.value("deis") else { panic!("deis is a word") };
        let row = VERSIONS.iter().find(|row| row.0 == version).expect("a version of the table");
        let ms = |ms: u64| SimDuration(ms * 1000);
        let component_ttl = set.duration_or_word("component_ttl").unwrap_or(ms(row.2));
        let half = SimDuration(component_ttl.0 / 2);
        let boot_sleep = set.duration_or_word("boot_sleep");
        let logspout = match set.value("logspout_reads") {
            ParameterValue::Duration(every) => Some(every),
            ParameterValue::Word(word) if word == "once" => None,
            _ => row.3.map(ms),
        };
        Settings {
            publish_period: set.duration("publish_period"),
            publish_ttl: set.duration("publish_ttl"),
            component_period: set.duration_or_word("component_period").unwrap_or(ms(row.1)),
            component_ttl,
            confd: set.duration("confd_interval"),
            sleep: boot_sleep.unwrap_or(SimDuration(component_ttl.0.saturating_add(1_000_000))),
            router_sleep: boot_sleep.unwrap_or(half),
            retry: SimDuration(set.duration_or_word("boot_retry").unwrap_or(half).0.max(1_000)),
            logspout,
            publisher_time: set.duration_or_word("publisher_time").unwrap_or(ms(row.4)),
            stop_removes: set.is("stop_removes", "on"),
            timeout: set.duration("client_timeout"),
            release_wait: set.duration("release_wait"),
        }
    }
}
