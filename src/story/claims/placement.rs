//! Claims about where jobs are put, and what that does to hosts.

use crate::story::{Claim, Finding, Seen, Verdict};

const HOSTS: &[(&str, &str)] = &[
    ("cpu_unserved_share", "CPU demanded, not served"),
    ("hosts_overloaded", "hosts asked for more CPU than they have"),
    ("worst_host_overloaded_seconds", "the worst of them, for"),
    ("oom_kills", "kills for memory"),
    ("hosts_down", "hosts fell"),
];

pub(super) const CHEF: Claim = Claim {
    name: "rudimentary-chef",
    claim: "Before v0.8.0 Deis placed containers with a rudimentary scheduler of its own, carried out by Chef.",
    file: "scenarios/claim-chef.yaml",
    scenario: include_str!("../../../scenarios/claim-chef.yaml"),
    shows: &[
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("converges_failed", "converges failed"),
        ("cpu_pending_core_seconds", "core-seconds waiting for a host"),
        ("cpu_host_down_core_seconds", "core-seconds lost with the host"),
        ("hosts_overloaded", "hosts asked for more CPU than they have"),
    ],
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: chef,
    depends: "How long a converge takes (60 s is assumed; minutes are plausible), and whether an operator takes the dead host out of the \
              formation, which makes Chef place all anew and balance.",
    sources: "The controller of v0.7.0 counts containers of one process type over all apps. The cookbook that ran the containers is not \
              available, so what restarts them is assumed.",
};

fn chef(seen: &Seen<'_>) -> Finding {
    let lost = seen.value("chef", "cpu_host_down_core_seconds");
    let failed = seen.value("chef", "converges_failed");
    let worse = lost > seen.value("fleet", "cpu_host_down_core_seconds") && failed > 0.0;
    Finding {
        verdict: if worse { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "Chef's controller does not notice the dead host: its jobs wait for it ({} core-seconds; fleet {}, Kubernetes of 2016 {}), \
             and {} converges fail. What it did not do is swamp a host: types are counted apart, and the heavy ones are a type of their own, \
             so {} hosts were overloaded under Chef and {} under fleet, its successor.",
            seen.count("chef", "cpu_host_down_core_seconds"),
            seen.count("fleet", "cpu_host_down_core_seconds"),
            seen.count("kubernetes-2016", "cpu_host_down_core_seconds"),
            seen.count("chef", "converges_failed"),
            seen.count("chef", "hosts_overloaded"),
            seen.count("fleet", "hosts_overloaded"),
        ),
    }
}

pub(super) const LEAST_JOBS_CPU: Claim = Claim {
    name: "least-jobs-cpu",
    claim: "fleet puts a job on the machine with the fewest jobs, and hosts were swamped by jobs that needed many CPU cycles.",
    file: "scenarios/claim-least-jobs-cpu.yaml",
    scenario: include_str!("../../../scenarios/claim-least-jobs-cpu.yaml"),
    shows: HOSTS,
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: least_jobs_cpu,
    depends: "The order in which jobs come. Here light and heavy ones alternate in step with the hosts; mixed at random the same jobs \
              meet on one host less often (scenarios/deis-swamped.yaml), and of equal jobs no host gets more than another (scenarios/null.yaml).",
    sources: "fleet's scheduler sorts machines by their number of units, then by ID, and looks at nothing else (engine/scheduler.go, v0.11.5).",
};

fn least_jobs_cpu(seen: &Seen<'_>) -> Finding {
    let (fleet, kube) =
        (seen.value("fleet", "cpu_unserved_share"), seen.value("kubernetes-2016", "cpu_unserved_share"));
    let blind = seen.value("kubernetes-2016-no-requests", "cpu_unserved_share");
    Finding {
        verdict: if fleet > 0.01 && kube < fleet / 10.0 { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "{} of 8 hosts were asked for more than they have under fleet, the worst for {}; {} of all CPU demanded was not served. \
             Kubernetes of 2016 left {} unserved with requests, on seven hosts instead of eight, and {} without requests: its spreading of \
             replicas helps part of the way. Visiting units in another order changes nothing, as they come one by one.",
            seen.count("fleet", "hosts_overloaded"),
            seen.time("fleet", "worst_host_overloaded_seconds"),
            seen.share("fleet", "cpu_unserved_share"),
            seen.share("kubernetes-2016", "cpu_unserved_share"),
            crate::report::figures::percent(blind),
        ),
    }
}

pub(super) const LEAST_JOBS_RAM: Claim = Claim {
    name: "least-jobs-ram",
    claim: "Hosts were swamped by jobs that needed lots of RAM.",
    file: "scenarios/claim-least-jobs-ram.yaml",
    scenario: include_str!("../../../scenarios/claim-least-jobs-ram.yaml"),
    shows: &[
        ("oom_kills", "kills for memory"),
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("memory_overloaded_host_seconds", "host-seconds with more memory in use than fits"),
        ("hosts_down", "hosts fell"),
    ],
    seeds: 0,
    figure: "oom_kills",
    judge: least_jobs_ram,
    depends: "The order of arrivals, as for CPU. How a host comes down when its memory is full is a band of three policies (`--band`): by default the \
              kernel kills and the host lives.",
    sources: "",
};

fn least_jobs_ram(seen: &Seen<'_>) -> Finding {
    let (fleet, kube) = (seen.value("fleet", "oom_kills"), seen.value("kubernetes-2016", "oom_kills"));
    Finding {
        verdict: if fleet > 100.0 && kube == 0.0 { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "Under fleet half of the hosts got four jobs of 5 GiB each, which do not fit into 16 GiB: {} kills in two hours, as systemd starts \
             what was killed again after 5 s. `docker -m` with limits above what the jobs use changes nothing ({} kills). Kubernetes: {} kills, even where nobody \
             writes requests ({}), because equal replicas are spread.",
            seen.count("fleet", "oom_kills"),
            seen.count("fleet-docker-m", "oom_kills"),
            seen.count("kubernetes-2016", "oom_kills"),
            seen.count("kubernetes-2016-no-requests", "oom_kills"),
        ),
    }
}

pub(super) const NOT_RESOURCE_AWARE: Claim = Claim {
    name: "not-resource-aware",
    claim: "fleet is not resource aware.",
    file: "scenarios/claim-not-resource-aware.yaml",
    scenario: include_str!("../../../scenarios/claim-not-resource-aware.yaml"),
    shows: &[
        ("cpu_unserved_share", "CPU demanded, not served"),
        ("jobs_never_placed", "jobs never placed"),
        ("cpu_requested_share_mean", "CPU requested, mean"),
    ],
    seeds: 0,
    figure: "cpu_unserved_share",
    judge: not_resource_aware,
    depends: "Nothing in the model: no rule of fleet's reads a size.",
    sources: "fleet v0.4.0 to v0.7.1 let units reserve memory and cores, and published what machines have; the free amounts were never \
              consulted, and the code was removed in v0.8.0 (coreos/fleet #747, #810).",
};

fn not_resource_aware(seen: &Seen<'_>) -> Finding {
    let blind = seen.same_places("fleet", "fleet-requests-x4") && seen.same_places("fleet", "fleet-no-requests");
    let aware = !seen.same_places("kubernetes-2016", "kubernetes-2016-requests-x4");
    Finding {
        verdict: if blind && aware { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "With requests as they are, four times as large, and none at all, fleet took {} decisions at {} times on {} hosts. Kubernetes did not: with \
             requests four times too large {} jobs found no host at all and {} of the CPU demanded was not served, which is the other side \
             of being aware.",
            if blind { "the same" } else { "different" },
            if blind { "the same" } else { "different" },
            if blind { "the same" } else { "different" },
            seen.count("kubernetes-2016-requests-x4", "jobs_never_placed"),
            seen.share("kubernetes-2016-requests-x4", "cpu_unserved_share"),
        ),
    }
}

pub(super) const NODE_DOWN: Claim = Claim {
    name: "node-down",
    claim: "With Kubernetes a node no longer comes down because a job scheduled to the node ran away with all the RAM.",
    file: "scenarios/deis-runaway.yaml",
    scenario: include_str!("../../../scenarios/deis-runaway.yaml"),
    shows: &[
        ("hosts_down", "hosts fell"),
        ("oom_kills", "kills for memory"),
        ("cpu_slowed_core_seconds", "core-seconds that waited for file pages"),
        ("cpu_unserved_share", "CPU demanded, not served"),
    ],
    seeds: 0,
    figure: "oom_kills",
    judge: node_down,
    depends: "How a host comes down: the band of this scenario (`--band`) takes each of three policies. Where a full host falls with the job that filled it, \
              fleet loses 7 or 8 hosts in two hours, Kubernetes without limits 5 or 6, and Kubernetes with limits none.",
    sources: "Deis Workflow 2.0.0, the first on Kubernetes, set neither requests nor limits (deis/controller v2.0.0): as shipped it is \
              the run without limits.",
};

fn node_down(seen: &Seen<'_>) -> Finding {
    let none_fell =
        ["fleet", "kubernetes", "kubernetes-no-limits"].iter().all(|run| seen.value(run, "hosts_down") == 0.0);
    let (limits, open) = (
        seen.value("kubernetes", "cpu_slowed_core_seconds"),
        seen.value("kubernetes-no-limits", "cpu_slowed_core_seconds"),
    );
    Finding {
        verdict: if limits < open && limits == 0.0 { Verdict::HoldsOnlyIf } else { Verdict::DoesNotHold },
        condition: "the job has a memory limit: then its neighbours notice nothing. Without one Kubernetes is no better than fleet.",
        seen: format!(
            "{} By default the kernel takes the leak and nobody else; what neighbours lose is {} core-seconds under fleet, {} under Kubernetes \
             without limits, and {} with limits, as with `docker -m` under fleet ({}).",
            if none_fell {
                "In the model no host comes down under any of them, as running kernels were measured to behave with a plain leak on an SSD."
            } else {
                "Hosts came down."
            },
            seen.count("fleet", "cpu_slowed_core_seconds"),
            seen.count("kubernetes-no-limits", "cpu_slowed_core_seconds"),
            seen.count("kubernetes", "cpu_slowed_core_seconds"),
            seen.count("fleet-docker-m", "cpu_slowed_core_seconds"),
        ),
    }
}
