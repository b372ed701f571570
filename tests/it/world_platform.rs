//! The sentences of test worlds about the store and the platform; see `world.rs`.

use plimsoll::discovery::component::component;
use plimsoll::discovery::etcd::{EtcdFault, EtcdFaultKind, EtcdSetup};
use plimsoll::discovery::platform::{ConfigChange, ConfigWay, Platform, Role};
use plimsoll::ids::AppId;
use plimsoll::workload::Workload;

use crate::world::{duration, time};

/// One sentence about the store.
pub fn read_etcd(words: &[&str], etcd: &mut EtcdSetup) {
    match *words {
        ["members", n] => etcd.members = n.parse().unwrap(),
        ["rtt", rtt] => etcd.rtt = duration(rtt),
        ["fsync", fsync] => etcd.fsync = duration(fsync),
        ["sigma", sigma] => etcd.sigma_milli = sigma.parse().unwrap(),
        ["election", election] => etcd.election = duration(election),
        ["heartbeat", heartbeat] => etcd.heartbeat = duration(heartbeat),
        ["fault", what, at, lasts] => {
            let kind = match what.split_once('=') {
                Some(("rtt", rtt)) => EtcdFaultKind::Rtt(duration(rtt)),
                Some(("fsync", fsync)) => EtcdFaultKind::Fsync(duration(fsync)),
                Some(("sigma", sigma)) => EtcdFaultKind::Sigma(sigma.parse().unwrap()),
                Some(("member", member)) => EtcdFaultKind::Member(member.parse().unwrap()),
                _ => match what {
                    "leader" => EtcdFaultKind::Leader,
                    "quorum" => EtcdFaultKind::Quorum,
                    "unreachable" => EtcdFaultKind::Unreachable,
                    other => panic!("fault {other}"),
                },
            };
            etcd.faults.push(EtcdFault { at: time(at), lasts: duration(lasts), kind });
            etcd.faults.sort();
        }
        ref other => panic!("etcd {other:?}"),
    }
}

/// All sentences about the platform.
pub fn read_platform(sentences: &[Vec<String>], workload: &Workload) -> Option<Platform> {
    if sentences.is_empty() {
        return None;
    }
    let n = workload.apps().len();
    let mut platform = Platform {
        roles: vec![Role::App; n],
        requests_milli: vec![0; n],
        calls: vec![Vec::new(); n],
        ..Platform::default()
    };
    let app = |name: &str| {
        AppId::from_index(workload.apps().iter().position(|app| app.name == name).expect("an app of the world"))
    };
    for sentence in sentences {
        let words: Vec<&str> = sentence.iter().map(String::as_str).collect();
        match words[..] {
            ["starts", after] => platform.starts_in = duration(after),
            ["role", "unannounced", name] => platform.roles[app(name).index()] = Role::Unannounced,
            ["role", role, name] => {
                platform.roles[app(name).index()] = Role::Component(component(role).expect("a component").0);
            }
            ["requests", name, rate] => {
                platform.requests_milli[app(name).index()] = rate.parse::<u64>().unwrap() * 1000;
            }
            ["calls", from, to] => platform.calls[app(from).index()].push(app(to)),
            ["change", at, name] => {
                platform.changes.push(ConfigChange { at: time(at), app: app(name), way: ConfigWay::Environment });
            }
            ["change", at, name, "secret"] => {
                platform.changes.push(ConfigChange { at: time(at), app: app(name), way: ConfigWay::Secret });
            }
            ref other => panic!("platform {other:?}"),
        }
    }
    Some(platform)
}
