//! What could contradict the post.

use crate::report::figures::percent;
use crate::story::{Claim, Finding, Verdict};

const HOSTS: &[(&str, &str)] = &[
    ("cpu_unserved_share", "CPU demanded, not served"),
    ("cpu_overloaded_host_seconds", "CPU demanded above capacity"),
    ("oom_kills", "kills for memory"),
    ("evictions", "evictions"),
    ("jobs_never_placed", "jobs never placed"),
];

/// A doubt is borne out, or not.
fn finding(holds: bool, seen: String) -> Finding {
    Finding { verdict: if holds { Verdict::Holds } else { Verdict::DoesNotHold }, condition: "", seen }
}

pub(super) const EQUAL_JOBS: Claim = Claim {
    name: "equal-jobs",
    claim: "Doubt: where all jobs are equal, the scheduler makes no difference.",
    file: "scenarios/null.yaml",
    scenario: include_str!("../../../scenarios/null.yaml"),
    shows: HOSTS,
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: |seen| {
        let most = seen.largest("cpu_unserved_share");
        finding(
            most == 0.0,
            format!(
                "Six runs, three control planes, each also with ties broken by chance: {} of the CPU demanded was not served under any.",
                percent(most)
            ),
        )
    },
    depends: "Nothing: this is the run in which all must agree.",
    sources: "",
};

pub(super) const NO_REQUESTS: Claim = Claim {
    name: "no-requests",
    claim: "Doubt: where nobody writes requests, Kubernetes is no better than fleet.",
    file: "scenarios/no-requests.yaml",
    scenario: include_str!("../../../scenarios/no-requests.yaml"),
    shows: HOSTS,
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: |seen| {
        let (fleet, kube, bare) = (
            seen.value("fleet", "cpu_unserved_share"),
            seen.value("kubernetes", "cpu_unserved_share"),
            seen.value("kubernetes-no-spread", "cpu_unserved_share"),
        );
        Finding {
            verdict: if kube > fleet / 2.0 {
                Verdict::Holds
            } else if bare > fleet / 2.0 {
                Verdict::HoldsOnlyIf
            } else {
                Verdict::DoesNotHold
            },
            condition: "its default spreading of replicas is switched off as well.",
            seen: format!(
                "fleet leaves {} of the CPU unserved, Kubernetes without requests {}, and without its spreading of replicas {}: it is the \
                 spreading, not the resources, that tells them apart here.",
                percent(fleet),
                percent(kube),
                percent(bare)
            ),
        }
    },
    depends: "Apps with few replicas: then there is nothing to spread.",
    sources: "",
};

pub(super) const REQUEST_FACTORS: Claim = Claim {
    name: "request-factors",
    claim: "Doubt: a scheduler that reads requests is only as good as they are.",
    file: "scenarios/deis-swamped.yaml",
    scenario: include_str!("../../../scenarios/deis-swamped.yaml"),
    shows: HOSTS,
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: |seen| {
        let (right, low, high) = (
            seen.value("kubernetes", "cpu_unserved_share"),
            seen.value("kubernetes-requests-x0.25", "cpu_unserved_share"),
            seen.value("kubernetes-requests-x4", "cpu_unserved_share"),
        );
        finding(
            high > 10.0 * right.max(1e-6),
            format!(
                "Right requests: {} unserved; a quarter of them: {}; four times as much: {}, more than fleet's {}, as {} jobs never find a host.",
                percent(right),
                percent(low),
                percent(high),
                seen.share("fleet", "cpu_unserved_share"),
                seen.count("kubernetes-requests-x4", "jobs_never_placed"),
            ),
        )
    },
    depends: "How full the cluster is: with room to spare, low requests do no harm.",
    sources: "",
};

pub(super) const DOCKER_M: Claim = Claim {
    name: "docker-m",
    claim: "Doubt: fleet with `docker -m` is as safe as Kubernetes with limits.",
    file: "scenarios/deis-runaway.yaml",
    scenario: include_str!("../../../scenarios/deis-runaway.yaml"),
    shows: &[
        ("oom_kills", "kills for memory"),
        ("cpu_slowed_core_seconds", "core-seconds that waited for file pages"),
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("hosts_down", "hosts fell"),
    ],
    seeds: 0,
    figure: "cpu_slowed_core_seconds",
    judge: |seen| {
        let same = seen.value("fleet-docker-m", "cpu_slowed_core_seconds")
            == seen.value("kubernetes", "cpu_slowed_core_seconds")
            && seen.value("fleet-docker-m", "hosts_down") == seen.value("kubernetes", "hosts_down");
        finding(
            same,
            format!(
                "Against a runaway, yes: {} kills at its own limit under both, {} core-seconds lost by neighbours with `docker -m`, {} with Kubernetes' limits. Deis has had the option since \
                 v0.11.0. It does nothing about hosts that are swamped by jobs within their limits (see least-jobs-ram).",
                seen.count("fleet-docker-m", "oom_kills"),
                seen.count("fleet-docker-m", "cpu_slowed_core_seconds"),
                seen.count("kubernetes", "cpu_slowed_core_seconds"),
            ),
        )
    },
    depends: "Whether anybody sets limits: both leave them unset by default.",
    sources: "Deis v0.11.0 on passes `deis limits:set` to docker as -m; placement never looks at it.",
};

pub(super) const BEST_EFFORT: Claim = Claim {
    name: "best-effort",
    claim: "Doubt: without limits Kubernetes of 2016 does not protect a host from a runaway.",
    file: "scenarios/doubt-best-effort.yaml",
    scenario: include_str!("../../../scenarios/doubt-best-effort.yaml"),
    shows: &[
        ("oom_kills", "kills for memory"),
        ("evictions", "evictions"),
        ("memory_overloaded_host_seconds", "host-seconds with more memory in use than fits"),
        ("cpu_slowed_core_seconds", "core-seconds that waited for file pages"),
        ("hosts_down", "hosts fell"),
    ],
    seeds: 0,
    figure: "memory_overloaded_host_seconds",
    judge: |seen| {
        let (fleet, kube) = (
            seen.value("fleet", "memory_overloaded_host_seconds"),
            seen.value("kubernetes-1.2", "memory_overloaded_host_seconds"),
        );
        finding(
            kube >= fleet * 0.9,
            format!(
                "As Deis shipped it the leak fills its host for {} host-seconds, under fleet for {}. Eviction, opted into with 1.3, comes too late at 20 MiB a second ({}), as it \
                 does today ({}). A memory limit set by hand ends it ({}), as `docker -m` does under fleet ({}).",
                seen.count("kubernetes-1.2", "memory_overloaded_host_seconds"),
                seen.count("fleet", "memory_overloaded_host_seconds"),
                seen.count("kubernetes-1.3-eviction", "memory_overloaded_host_seconds"),
                seen.count("kubernetes", "memory_overloaded_host_seconds"),
                seen.count("kubernetes-1.2-limits-set", "memory_overloaded_host_seconds"),
                seen.count("fleet-docker-m", "memory_overloaded_host_seconds"),
            ),
        )
    },
    depends: "The speed of the leak: the kubelet looks every ten seconds and wins against a slow one.",
    sources: "Deis Workflow 2.0.0 set neither requests nor limits anywhere.",
};

pub(super) const PACKING: Claim = Claim {
    name: "packing",
    claim: "Doubt: Kubernetes spreads by default, and packing would do with fewer hosts at the same unserved share.",
    file: "scenarios/doubt-packing.yaml",
    scenario: include_str!("../../../scenarios/doubt-packing.yaml"),
    shows: &[
        ("hosts_used_max", "hosts used"),
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("cpu_overloaded_host_seconds", "CPU demanded above capacity"),
    ],
    seeds: 0,
    figure: "hosts_used_max",
    judge: |seen| {
        let (spread, pack) =
            (seen.value("least-allocated", "hosts_used_max"), seen.value("most-allocated", "hosts_used_max"));
        let same = seen.value("most-allocated", "cpu_unserved_share")
            <= seen.value("least-allocated", "cpu_unserved_share") * 1.01;
        finding(
            pack < spread && same,
            format!(
                "LeastAllocated uses {} hosts, MostAllocated {}, with {} and {} unserved. With requests cut to 0.7 packing does with {}, and {} is not served: the saving is paid for \
                 with the margin that requests hold.",
                seen.count("least-allocated", "hosts_used_max"),
                seen.count("most-allocated", "hosts_used_max"),
                seen.share("least-allocated", "cpu_unserved_share"),
                seen.share("most-allocated", "cpu_unserved_share"),
                seen.count("most-allocated-requests-x0.7", "hosts_used_max"),
                seen.share("most-allocated-requests-x0.7", "cpu_unserved_share"),
            ),
        )
    },
    depends: "How far requests are above use.",
    sources: "",
};

pub(super) const HOST_LOSS: Claim = Claim {
    name: "host-loss",
    claim: "Doubt: fleet replaces the jobs of a lost host sooner than Kubernetes.",
    file: "scenarios/host-loss.yaml",
    scenario: include_str!("../../../scenarios/host-loss.yaml"),
    shows: &[
        ("availability_worst_app", "availability of the worst app"),
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("duplicate_core_seconds", "core-seconds run twice"),
    ],
    seeds: 0,
    figure: "availability_worst_app",
    judge: |seen| {
        let (fleet, kube) =
            (seen.value("fleet", "availability_worst_app"), seen.value("kubernetes", "availability_worst_app"));
        finding(
            fleet > kube,
            format!(
                "The worst app was away for {} of the time under fleet, {} under Kubernetes: a lost host's jobs are back after 15 to 32 s against \
                 about 350 s. Behind the partition fleet paid for it with {} core-seconds run twice, Kubernetes with {}.",
                percent(1.0 - fleet),
                percent(1.0 - kube),
                seen.count("fleet", "duplicate_core_seconds"),
                seen.count("kubernetes", "duplicate_core_seconds"),
            ),
        )
    },
    depends: "The toleration of unreachable nodes, 300 s by default, which each pod may set.",
    sources: "",
};

pub(super) const SINGLETONS: Claim = Claim {
    name: "singletons",
    claim: "Doubt: a singleton comes back sooner under fleet.",
    file: "scenarios/doubt-singletons.yaml",
    scenario: include_str!("../../../scenarios/doubt-singletons.yaml"),
    shows: &[
        ("cpu_host_down_core_seconds", "core-seconds lost with the host"),
        ("availability_worst_app", "availability"),
    ],
    seeds: 0,
    figure: "cpu_host_down_core_seconds",
    judge: |seen| {
        let lost = |run| seen.value(run, "cpu_host_down_core_seconds") / 0.4;
        finding(
            lost("fleet") < lost("kubernetes-2016"),
            format!(
                "One of eight, each on a host of its own: gone for {} under fleet, {} under Kubernetes of 2016, {} today, and until the host is back under Chef.",
                crate::report::figures::duration(lost("fleet")),
                crate::report::figures::duration(lost("kubernetes-2016")),
                crate::report::figures::duration(lost("kubernetes")),
            ),
        )
    },
    depends: "The same toleration; and whether a second copy for a while would be worse than none (fleet and Kubernetes both risk it behind a partition).",
    sources: "",
};

pub(super) const ANTI_CORRELATED: Claim = Claim {
    name: "anti-correlated",
    claim: "Doubt: if requests are the wrong way round, looking at them is worse than not looking.",
    file: "scenarios/doubt-anti-correlated.yaml",
    scenario: include_str!("../../../scenarios/doubt-anti-correlated.yaml"),
    shows: HOSTS,
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: |seen| {
        let (fleet, kube, blind) = (
            seen.value("fleet", "cpu_unserved_share"),
            seen.value("kubernetes-2016", "cpu_unserved_share"),
            seen.value("kubernetes-2016-no-requests", "cpu_unserved_share"),
        );
        finding(
            kube > fleet,
            format!(
                "Kubernetes of 2016 leaves {} of the CPU unserved, the same without requests {}, fleet {}, today's Kubernetes {}: the hosts that look full are the idle ones.",
                percent(kube),
                percent(blind),
                percent(fleet),
                seen.share("kubernetes", "cpu_unserved_share"),
            ),
        )
    },
    depends: "How wrong the requests are: twice or half hardly matters (see request-factors).",
    sources: "",
};

pub(super) const API_ETCD: Claim = Claim {
    name: "api-etcd",
    claim: "Doubt: Kubernetes hangs on an etcd, too: with it slow or away during a failover, pods are not replaced.",
    file: "scenarios/doubt-api-etcd.yaml",
    scenario: include_str!("../../../scenarios/doubt-api-etcd.yaml"),
    shows: &[
        ("requests_failed_share", "requests failed"),
        ("platform_down_seconds", "platform down"),
        ("dead_listed_seconds_max", "a dead address in use, longest"),
        ("deploys_down_seconds", "no deploys, for"),
        ("evictions", "evictions"),
    ],
    seeds: 0,
    figure: "requests_failed_share",
    judge: |seen| {
        finding(
            seen.value("kubernetes-2016", "dead_listed_seconds_max") > 60.0,
            format!(
                "A dead pod stayed in use for up to {} under Kubernetes of 2016, {} today: nobody could write that its node was gone. {} of all requests failed in 2016, {} \
                 today, {} under fleet, whose routers had nobody else to send them to either. Evictions on healthy nodes make 2016 the worst of the three.",
                seen.time("kubernetes-2016", "dead_listed_seconds_max"),
                seen.time("kubernetes", "dead_listed_seconds_max"),
                seen.share("kubernetes-2016", "requests_failed_share"),
                seen.share("kubernetes", "requests_failed_share"),
                seen.share("fleet", "requests_failed_share"),
            ),
        )
    },
    depends: "Whether the store is slow or away: with round trips below a second it all goes its way, later.",
    sources: "",
};
