//! Claims about how things find each other and their configuration.

use crate::discovery::component::closure;
use crate::story::{Claim, Finding, Seen, Verdict};

pub(super) const HEARTBEATS: Claim = Claim {
    name: "heartbeats",
    claim: "fleet had no service discovery, so every container wrote its host and port to etcd every few seconds.",
    file: "scenarios/claim-heartbeats.yaml",
    scenario: include_str!("../../../scenarios/claim-heartbeats.yaml"),
    shows: &[
        ("requests_failed_share", "requests failed"),
        ("requests_502", "502"),
        ("requests_503", "503"),
        ("dead_listed_seconds_max", "a dead address in use, longest"),
        ("app_failing_seconds_max", "an app failing, longest"),
    ],
    seeds: 0,
    figure: "dead_listed_seconds_max",
    judge: heartbeats,
    depends: "Whether an app has one container or several (nginx tries the next one when a connection is refused), and whether a container dies or its \
              whole host.",
    sources: "From Deis v0.13.0 on a publisher on each host wrote for all its containers, every 10 s with a time to live of 20 s; up to v0.12 each \
              had a sidekick of its own (45 s, 60 s).",
};

fn heartbeats(seen: &Seen<'_>) -> Finding {
    let (deis, kube) = (
        seen.value("fleet-deis-1.12", "dead_listed_seconds_max"),
        seen.value("kubernetes-2016", "dead_listed_seconds_max"),
    );
    let within = deis > 1.0 && deis <= 26.0;
    Finding {
        verdict: if within { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "With etcd well the scheme does what it is made for: a dead address is in use for at most {} (time to live 20 s, then the routers' next look). \
             Kubernetes is quicker where a container dies ({} requests refused against {}) and slower where a host dies: {}, \
             until its node is declared Unknown. {}",
            seen.time("fleet-deis-1.12", "dead_listed_seconds_max"),
            seen.count("kubernetes-2016", "requests_502"),
            seen.count("fleet-deis-1.12", "requests_502"),
            seen.time("kubernetes-2016", "dead_listed_seconds_max"),
            if kube > deis { "For a dead host fleet's way is the faster one." } else { "" },
        ),
    }
}

pub(super) const CONFIGURATION: Claim = Claim {
    name: "configuration",
    claim: "Configuration lived in etcd too, and components that could not fetch it were stuck.",
    file: "scenarios/claim-configuration.yaml",
    scenario: include_str!("../../../scenarios/claim-configuration.yaml"),
    shows: &[
        ("stuck_no_store_seconds", "container-seconds waiting for the store"),
        ("stuck_no_config_seconds", "for configuration"),
        ("stuck_no_peer_seconds", "for a peer to start"),
        ("stuck_lost_peer_seconds", "running with a peer lost"),
        ("deploys_down_seconds", "no deploys, for"),
        ("config_propagation_seconds_mean", "change of configuration, mean"),
    ],
    seeds: 0,
    figure: "deploys_down_seconds",
    judge: configuration,
    depends: "Whether anything starts while the store is away: what runs keeps its files (confd fails static).",
    sources: "The post names the database's maximum connections as such a key. In the sources it is a literal in a template in every release \
              looked at (database/templates/postgresql.conf: 100, 250 from v1.5.0); here a change of it is made as the post says.",
};

fn configuration(seen: &Seen<'_>) -> Finding {
    // What waits to start; a log shipper that runs without its logger does not wait for configuration.
    let waits = |run: &str| {
        let of = ["stuck_no_store_seconds", "stuck_no_config_seconds", "stuck_no_peer_seconds"];
        of.iter().map(|metric| seen.value(run, metric)).sum::<f64>()
    };
    let (fleet, kube) = (waits("fleet"), waits("kubernetes-2016"));
    Finding {
        verdict: if fleet <= kube {
            Verdict::DoesNotHold
        } else if fleet > 300.0 {
            Verdict::Holds
        } else {
            Verdict::HoldsOnlyIf
        },
        condition: "a component starts while etcd answers, and badly. While it answers nobody fleet starts nothing in the first place, and what runs keeps its files.",
        seen: format!(
            "Components waited for the store, for configuration or for a peer's address for {} in all under Deis on fleet and {} under Kubernetes of \
             2016: what had been on the rebooted hosts was not even started while etcd was away. Afterwards others ran on without the peer they \
             had known, mostly log shippers ({} and {}, summed over containers). No deploys for {} and {}: while its own store is away Kubernetes \
             cannot deploy either. A change of configuration took {} under Deis and {} under Kubernetes.",
            crate::report::figures::duration(fleet),
            crate::report::figures::duration(kube),
            seen.time("fleet", "stuck_lost_peer_seconds"),
            seen.time("kubernetes-2016", "stuck_lost_peer_seconds"),
            seen.time("fleet", "deploys_down_seconds"),
            seen.time("kubernetes-2016", "deploys_down_seconds"),
            seen.time("fleet", "config_propagation_seconds_mean"),
            seen.time("kubernetes-2016", "config_propagation_seconds_mean"),
        ),
    }
}

pub(super) const LOGSPOUT: Claim = Claim {
    name: "logspout",
    claim: "Even the log shipper found its logger through etcd.",
    file: "scenarios/claim-logspout.yaml",
    scenario: include_str!("../../../scenarios/claim-logspout.yaml"),
    shows: &[
        ("stuck_lost_peer_seconds", "container-seconds with a peer lost"),
        ("stuck_no_peer_seconds", "waiting for a peer to start"),
        ("requests_failed_share", "requests failed"),
    ],
    seeds: 0,
    figure: "stuck_lost_peer_seconds",
    judge: logspout,
    depends: "Whether the logger's host is among those that die, and the release: from v1.13.0 on the address is read every ten seconds.",
    sources: "logspout of v1.12.3 reads the address once at its start and never again (logspout/logspout.go:211; deis/deis #4293); the logger's key has by mistake a \
              time to live of 20·10⁹ s and so never expires (logger/publisher/publisher.go:32).",
};

fn logspout(seen: &Seen<'_>) -> Finding {
    let (once, often) = (
        seen.value("fleet-deis-1.12", "stuck_lost_peer_seconds"),
        seen.value("fleet-deis-1.13", "stuck_lost_peer_seconds"),
    );
    Finding {
        verdict: if once > 2.0 * often { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "When the logger moved, components of Deis 1.12.3 went on without the peer they were looking for: {} of it, summed over \
             containers, until the end of the run, as log shippers never look again. With 1.13 it was {}. Under Kubernetes of 2016 it was {}, nearly \
             all of it the time until the node was given up and the logger ran elsewhere.",
            seen.time("fleet-deis-1.12", "stuck_lost_peer_seconds"),
            seen.time("fleet-deis-1.13", "stuck_lost_peer_seconds"),
            seen.time("kubernetes-2016", "stuck_lost_peer_seconds"),
        ),
    }
}

pub(super) const TESTING: Claim = Claim {
    name: "testing",
    claim: "Testing the log shipper meant mocking an etcd cluster.",
    file: "scenarios/claim-testing.yaml",
    scenario: include_str!("../../../scenarios/claim-testing.yaml"),
    shows: &[("restarts", "restarts"), ("stuck_lost_peer_seconds", "container-seconds with a peer lost")],
    seeds: 0,
    figure: "restarts",
    judge: testing,
    depends: "What counts as a test: the shipper of Workflow runs without a logger, but ships nothing.",
    sources: "",
};

fn testing(seen: &Seen<'_>) -> Finding {
    let count =
        |discovery| closure(discovery, "logspout").unwrap_or_default().iter().map(|need| need.count).sum::<u32>();
    let (deis, kube) = (count("etcd"), count("dns"));
    let all = |discovery| {
        let names = crate::discovery::component::COMPONENTS.iter();
        names.filter_map(|c| closure(discovery, c.name)).flatten().map(|need| need.count).sum::<u32>()
    };
    Finding {
        verdict: if deis > kube && seen.value("shipper-of-deis-1.12", "restarts") > 0.0 {
            Verdict::Holds
        } else {
            Verdict::DoesNotHold
        },
        condition: "",
        seen: format!(
            "`plimsoll needs logspout`: {deis} processes must run or be mocked first under Deis 1, {kube} under Kubernetes. Over all components it is {} \
             against {}. Alone on a machine the old one ended and was started again {} times until both etcd and a logger's key were there; the new \
             one {} times.",
            all("etcd"),
            all("dns"),
            seen.count("shipper-of-deis-1.12", "restarts"),
            seen.count("shipper-of-workflow", "restarts"),
        ),
    }
}

pub(super) const NO_DISCOVERY: Claim = Claim {
    name: "no-discovery",
    claim: "fleet itself has no service discovery: an app that nobody announces is found by nobody.",
    file: "scenarios/claim-no-discovery.yaml",
    scenario: include_str!("../../../scenarios/claim-no-discovery.yaml"),
    shows: &[
        ("requests_failed_share", "requests failed"),
        ("unreachable_running_seconds", "container-seconds running unfound"),
    ],
    seeds: 0,
    figure: "unreachable_running_seconds",
    judge: no_discovery,
    depends: "Whether somebody announces: under Deis its publisher does, on each host; under Kubernetes a Service does, which is a few lines.",
    sources: "",
};

fn no_discovery(seen: &Seen<'_>) -> Finding {
    let (fleet, kube) = (
        seen.value("fleet", "unreachable_running_seconds"),
        seen.value("kubernetes-2016", "unreachable_running_seconds"),
    );
    Finding {
        verdict: if fleet > 0.0 { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "The unannounced app ran for {} container-seconds and nobody was sent there; all requests to it failed. A pod without a Service \
             fares just the same ({}): the difference is who has to run something for it.",
            crate::report::figures::thousands(fleet),
            crate::report::figures::thousands(kube),
        ),
    }
}

pub(super) const DNS: Claim = Claim {
    name: "dns",
    claim: "Kubernetes finds services by DNS, `foo` within a namespace, and the name holds when pods move.",
    file: "scenarios/claim-dns.yaml",
    scenario: include_str!("../../../scenarios/claim-dns.yaml"),
    shows: &[
        ("requests_failed_share", "requests failed"),
        ("app_failing_seconds_max", "an app failing, longest"),
        ("dead_listed_seconds_max", "a dead address in use, longest"),
    ],
    seeds: 0,
    figure: "app_failing_seconds_max",
    judge: dns,
    depends: "How soon a dead node is found dead: 40 s of grace in 2016, 50 s today. The name itself never changes.",
    sources: "",
};

fn dns(seen: &Seen<'_>) -> Finding {
    let kube = seen.value("kubernetes-2016", "requests_failed_share");
    Finding {
        verdict: if kube < 0.05 { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "Both names, in and out of the namespace, went on leading to live containers but for {} after the host died, in which one connection in \
             so many went to a dead pod: {} of all requests failed ({} under Deis on fleet, which notices a dead host sooner and \
             whose routers try the next one).",
            seen.time("kubernetes-2016", "app_failing_seconds_max"),
            seen.share("kubernetes-2016", "requests_failed_share"),
            seen.share("fleet", "requests_failed_share"),
        ),
    }
}

pub(super) const ON_THE_FLY: Claim = Claim {
    name: "on-the-fly",
    claim: "Environment variables and secrets can be changed on the fly.",
    file: "scenarios/claim-on-the-fly.yaml",
    scenario: include_str!("../../../scenarios/claim-on-the-fly.yaml"),
    shows: &[
        ("config_propagation_seconds_mean", "until all have it, mean"),
        ("config_propagation_seconds_max", "longest"),
        ("restarts", "restarts"),
    ],
    seeds: 0,
    figure: "config_propagation_seconds_mean",
    judge: on_the_fly,
    depends: "How long a container takes to be ready: a rolling restart waits for each in turn.",
    sources: "In Kubernetes 1.2 the files of a secret are written once, when the pod is set up (pkg/volume/secret/secret.go), so a change needs new pods; \
              1.3 rewrites them at each sync.",
};

fn on_the_fly(seen: &Seen<'_>) -> Finding {
    let (fleet, kube) = (
        seen.value("fleet", "config_propagation_seconds_mean"),
        seen.value("kubernetes-1.2", "config_propagation_seconds_mean"),
    );
    Finding {
        verdict: if kube < fleet { Verdict::Holds } else { Verdict::HoldsOnlyIf },
        condition: "a rolling restart counts as on the fly: an environment is fixed when a container starts. For components confd's way was the faster one.",
        seen: format!(
            "Until the last container had a change it took {} on average under Deis on fleet, {} under Kubernetes 1.2, {} under 1.3 and today. Deis's \
             components read their keys every five seconds and restart nothing ({} restarts, all of apps); Kubernetes restarted {} containers.",
            seen.time("fleet", "config_propagation_seconds_mean"),
            seen.time("kubernetes-1.2", "config_propagation_seconds_mean"),
            seen.time("kubernetes-1.3", "config_propagation_seconds_mean"),
            seen.count("fleet", "restarts"),
            seen.count("kubernetes-1.2", "restarts"),
        ),
    }
}
