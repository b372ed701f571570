//! Claims about etcd: latency, failure, and what hangs on it.

use crate::experiment::seeds::Difference;
use crate::report::figures::percent;
use crate::report::store_latency::stretches;
use crate::story::{Claim, Finding, Seen, Verdict};
use crate::units::SimDuration;

const PLATFORM: &[(&str, &str)] = &[
    ("requests_failed_share", "requests failed"),
    ("platform_down_seconds", "platform down"),
    ("deploys_down_seconds", "no deploys, for"),
    ("healthy_stops", "healthy jobs stopped by their agent"),
    ("turns_lost", "turns lost"),
    ("ran_twice_seconds", "job-seconds running twice"),
];

pub(super) const LATENCY: Claim = Claim {
    name: "etcd-latency",
    claim: "Under network latency to etcd components stuttered, could not find each other, and the platform went down.",
    file: "scenarios/claim-etcd-latency.yaml",
    scenario: include_str!("../../../scenarios/claim-etcd-latency.yaml"),
    shows: PLATFORM,
    seeds: 0,
    figure: "requests_failed_share",
    judge: latency,
    depends: "etcd's election time-out (1 s here for all): where round trips come near it there is no leader for most of the time, whoever the clients are. \
              Whether the latency is between all machines, as here, or only before the clients.",
    sources: "Up to fleet v0.11.8 a unit's body that is not read in time drops out of the list, and its agent stops the healthy unit (registry/unit.go); the whole \
              list is read at once from v0.12.0 on.",
};

/// Share answered at the round trip nearest to `milliseconds` on the way up, with that round trip.
fn at(seen: &Seen<'_>, run: &str, milliseconds: u64) -> (f64, SimDuration) {
    let all = stretches(seen.experiment, seen.run(run));
    let near = all.iter().filter(|s| s.rising).min_by_key(|s| s.read_us.abs_diff(milliseconds * 1000));
    near.map_or((1.0, SimDuration::ZERO), |s| (s.answered.unwrap_or(1.0), SimDuration(s.read_us)))
}

fn latency(seen: &Seen<'_>) -> Finding {
    let told = |run: &str| {
        let (low, mid, high) = (at(seen, run, 300), at(seen, run, 950), at(seen, run, 3000));
        format!("{} at 0.3 s, {} at 1 s, {} at 3 s", percent(low.0), percent(mid.0), percent(high.0))
    };
    let fleet = at(seen, "deis-1.12.3", 3000).0;
    let recovered = ["deis-1.5.0", "deis-1.10", "deis-1.12.3", "kubernetes-2016", "kubernetes"].iter().all(|run| {
        stretches(seen.experiment, seen.run(run))
            .last()
            .and_then(|s| s.answered)
            .is_none_or(|answered| answered > 0.999)
    });
    Finding {
        verdict: if fleet < 0.95 { Verdict::Holds } else { Verdict::DoesNotHold },
        condition: "",
        seen: format!(
            "Of all requests were answered: Deis 1.5.0 {}; 1.10 {}; 1.12.3 {}. Below 100 ms nothing is felt. {} on the way down. \
             Kubernetes of 2016, whose API hangs on the same etcd, does worse: {}. It declares nodes lost that cannot post their status and \
             takes their pods away, with no brake. Ten years later: {}.",
            told("deis-1.5.0"),
            told("deis-1.10"),
            told("deis-1.12.3"),
            if recovered { "All of them recover" } else { "Not all of them recover" },
            told("kubernetes-2016"),
            told("kubernetes"),
        ),
    }
}

pub(super) const SINGLE_POINT: Claim = Claim {
    name: "single-point",
    claim: "etcd became the single point of failure.",
    file: "scenarios/claim-single-point.yaml",
    scenario: include_str!("../../../scenarios/claim-single-point.yaml"),
    shows: PLATFORM,
    seeds: 0,
    figure: "platform_down_seconds",
    judge: single_point,
    depends: "How long a majority is away: routers keep their files, so that nothing happens to visitors until it is back and all keys that are overdue expire \
              together. Containers that fail meanwhile cannot be replaced.",
    sources: "A member or the leader is not a single point: raft goes on with two of three.",
};

fn single_point(seen: &Seen<'_>) -> Finding {
    let (deis, kube) =
        (seen.value("deis-1.12.3", "platform_down_seconds"), seen.value("kubernetes-2016", "platform_down_seconds"));
    let deploys = seen.value("kubernetes-2016", "deploys_down_seconds");
    Finding {
        verdict: if deis > 60.0 { Verdict::Holds } else { Verdict::HoldsOnlyIf },
        condition: "the outage is of a majority, and what goes down is the control plane: visitors notice only when etcd is back.",
        seen: format!(
            "A member and a leader lost cost next to nothing. With the majority away for ten minutes and nobody answered for five, visitors of Deis 1.12.3 met \
             {} of downtime, all of it after etcd was back, when keys had expired together; under Kubernetes of 2016 {}. No deploys for {} and {}: \
             Kubernetes hangs on its etcd for every change just the same.",
            crate::report::figures::duration(deis),
            crate::report::figures::duration(kube),
            seen.time("deis-1.12.3", "deploys_down_seconds"),
            crate::report::figures::duration(deploys),
        ),
    }
}

pub(super) const NOT_STUCK: Claim = Claim {
    name: "not-stuck",
    claim: "With Kubernetes no component hangs on etcd.",
    file: "scenarios/claim-not-stuck.yaml",
    scenario: include_str!("../../../scenarios/claim-not-stuck.yaml"),
    shows: &[
        ("stuck_no_store_seconds", "container-seconds waiting for the store"),
        ("stuck_no_config_seconds", "for configuration"),
        ("stuck_no_peer_seconds", "for a peer to start"),
        ("stuck_lost_peer_seconds", "running with a peer lost"),
        ("requests_failed_share", "requests failed"),
        ("platform_down_seconds", "platform down"),
    ],
    seeds: 0,
    figure: "stuck_lost_peer_seconds",
    judge: not_stuck,
    depends: "The round trip at the worst of the day, 1.5 s, which leaves etcd without a stable leader. Below the election time-out nothing \
              is stuck under Kubernetes.",
    sources: "",
};

fn not_stuck(seen: &Seen<'_>) -> Finding {
    let stuck = |run| seen.stuck(run);
    let waits = ["stuck_no_store_seconds", "stuck_no_config_seconds"]
        .iter()
        .map(|m| seen.value("kubernetes-2016", m))
        .sum::<f64>();
    let visitors =
        seen.value("kubernetes-2016", "requests_failed_share") > seen.value("fleet", "requests_failed_share");
    Finding {
        verdict: if waits > 0.0 {
            Verdict::DoesNotHold
        } else if visitors {
            Verdict::HoldsOnlyIf
        } else {
            Verdict::Holds
        },
        condition: "one asks components and not visitors: none of them waits for etcd, but the API server does, and what it then does to nodes and endpoints is felt.",
        seen: format!(
            "Stuck for want of the store, of configuration or of a peer: {} container-seconds under fleet, {} under Kubernetes of 2016, {} today. None of the \
             latter waited for the store or for configuration. Yet of visitors' requests {} failed under Kubernetes of 2016, {} under fleet, {} \
             under fleet 1.0.0, {} under Kubernetes today.",
            crate::report::figures::thousands(stuck("fleet")),
            crate::report::figures::thousands(stuck("kubernetes-2016")),
            crate::report::figures::thousands(stuck("kubernetes")),
            seen.share("kubernetes-2016", "requests_failed_share"),
            seen.share("fleet", "requests_failed_share"),
            seen.share("fleet-1.0.0", "requests_failed_share"),
            seen.share("kubernetes", "requests_failed_share"),
        ),
    }
}

pub(super) const STABILITY: Claim = Claim {
    name: "stability",
    claim: "Stability improved dramatically.",
    file: "scenarios/claim-stability.yaml",
    scenario: include_str!("../../../scenarios/claim-stability.yaml"),
    shows: PLATFORM,
    seeds: 40,
    figure: "requests_failed_share",
    judge: stability,
    depends: "What goes wrong in the month. Of the six troubles of the store here, the twenty minutes at 1.2 s decide most of what Kubernetes of 2016 loses.",
    sources: "",
};

fn stability(seen: &Seen<'_>) -> Finding {
    let between = |run: &str| -> Option<(Difference, f64)> {
        let study = seen.study()?;
        let place = study.names.iter().position(|name| name == run)?;
        Some((study.difference(place, "requests_failed_share")?, study.mean(0, "requests_failed_share")?.mean))
    };
    let told = |run: &str| match between(run) {
        Some((d, fleet)) => {
            let word = if d.is_real() { "a real difference" } else { "within the noise" };
            format!(
                "{} against fleet's {} ({} to {}; {word})",
                percent(fleet + d.interval.mean),
                percent(fleet),
                percent(fleet + d.interval.low),
                percent(fleet + d.interval.high)
            )
        }
        None => format!(
            "{} against fleet's {} (one seed)",
            seen.share(run, "requests_failed_share"),
            seen.share("fleet", "requests_failed_share")
        ),
    };
    let factor = |run: &str| match between(run) {
        Some((d, fleet)) if fleet + d.interval.mean > 0.0 => fleet / (fleet + d.interval.mean),
        _ => seen.value("fleet", "requests_failed_share") / seen.value(run, "requests_failed_share").max(1e-12),
    };
    let precise = match between("kubernetes-2016") {
        Some((d, _)) if d.interval.mean != 0.0 => {
            let half = (d.interval.high - d.interval.low) / 2.0;
            format!(
                " Half of the width of the interval is {} of the difference.",
                percent(half / d.interval.mean.abs())
            )
        }
        _ => String::new(),
    };
    let real = between("kubernetes-2016").is_none_or(|(d, _)| d.is_real());
    let seeds = seen.study().map_or(1, |study| study.seeds.len());
    Finding {
        verdict: if real && factor("kubernetes-2016") >= 3.0 {
            Verdict::Holds
        } else if factor("kubernetes") >= 3.0 {
            Verdict::HoldsOnlyIf
        } else {
            Verdict::DoesNotHold
        },
        condition: "it is the Kubernetes of today. That of June 2016 is better by a factor of about two with limits set, not dramatically so, and as Deis \
                    shipped it, without limits, hardly.",
        seen: format!(
            "Requests failed over thirty days and {seeds} seeds: Kubernetes of 2016 {}; as shipped, without requests and limits, {}; fleet 1.0.0 {}; Kubernetes \
             today {}.{precise} Platform down for {} under fleet, {} under Kubernetes of 2016, {} today, in the first seed's month.",
            told("kubernetes-2016"),
            told("kubernetes-2016-no-limits"),
            told("fleet-1.0.0"),
            told("kubernetes"),
            seen.time("fleet", "platform_down_seconds"),
            seen.time("kubernetes-2016", "platform_down_seconds"),
            seen.time("kubernetes", "platform_down_seconds"),
        ),
    }
}
