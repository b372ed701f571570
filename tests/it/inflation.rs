//! Workload inflation: arrivals drawn from a list that stay for good, from a scenario file to what is placed.

use std::path::Path;

use plimsoll::scenario::{Budgets, Scenario, read_text, resolve};

use crate::program::Folder;
use crate::shared_traces::shared;
use crate::world::{run, told};

fn whole(text: &str, folder: &Path) -> Scenario {
    let budgets = Budgets::default();
    let read = read_text(text.as_bytes(), &budgets).and_then(|file| resolve(&file, folder, &budgets));
    read.unwrap_or_else(|why| panic!("{why}\n{text}"))
}

const BY_HAND: &str = "\
apiVersion: plimsoll/v1
kind: Scenario
cluster:
  hosts:
  - {name: n, count: 3, cpu: 2, memory: 8Gi, gpus: 1}
workload:
  usage: request
  jobs:
  - {name: c, duration: 1m, arrival: 3s, requests: {cpu: 1, memory: 1Gi}}
  - {name: b, duration: 1m, arrival: 2s, requests: {cpu: 500m, memory: 1Gi}, gpus: [1000]}
  - {name: a, kind: service, arrival: 9s, requests: {cpu: 500m, memory: 1Gi}, gpus: [500]}
  inflation: {every: 1s, order: order.txt}
orchestrators: [first-fit]
";

#[test]
fn jobs_of_an_order_file_arrive_in_its_order_and_ties_go_to_the_hosts_in_its_order() {
    let folder = Folder::new("inflation-order");
    // Jobs a, b, c are 0, 1, 2; hosts n-000, n-001, n-002 end with 0, 1, 2.
    folder.put("order.txt", b"arrivals 1 0 0 2 0 1 0 1 2\nnodes_in_tie_order 0002 0000 0001\n");
    let scenario = whole(BY_HAND, folder.path());
    let hosts: Vec<&str> = scenario.setup.cluster.ids().map(|host| scenario.setup.cluster.name(host)).collect();
    assert_eq!(hosts, ["0000-n-002", "0001-n-000", "0002-n-001"]);
    // b takes the first GPU and half a core there; a and its first copy share the second; c finds a core beside b. The
    // second and third copy of a share the last GPU, so that no copy of b finds one. c's copy finds its core beside the a's.
    let placed = "0 b>0000-n-002; 1 a>0001-n-000; 2 a+1>0001-n-000; 3 c>0000-n-002; 4 a+2>0002-n-001";
    assert_eq!(
        told(&scenario.setup, "direct unplaced=drop", "place done"),
        format!("{placed}; 5 b+1 gave up; 6 a+3>0002-n-001; 7 b+2 gave up; 8 c+1>0001-n-000")
    );
    // In a strict queue the first that does not fit stops all behind it.
    assert_eq!(told(&scenario.setup, "direct", "place done"), placed);
    run(&scenario.setup, "direct unplaced=drop").unwrap();
    let seconds = |time: plimsoll::units::SimTime| time.0 / plimsoll::units::SECOND_US;
    assert_eq!(seconds(scenario.setup.end), 9, "one more would have come then");
    let said = scenario.notes.join("\n");
    for note in [
        "inflation: 9 arrivals, in the order of the file from 3 jobs, one every 1s, stay for good",
        // 3 × 1000 and 4 × 500 of 3000 thousandths.
        "inflation: they ask for 166.66 % of the cluster's gpu (`to` is not looked at)",
        "no horizon: every run ends at 9s, when one more job would have arrived",
        "inflation: hosts are called NNNN-NAME",
    ] {
        assert!(said.contains(note), "{note}\n{said}");
    }
    let again = whole(&scenario.resolved_yaml, folder.path());
    assert_eq!(format!("{:?}", again.setup), format!("{:?}", scenario.setup));
    assert_eq!(again.resolved_yaml, scenario.resolved_yaml);
}

/// The shipped scenarios of papers, by name and text.
fn papers() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/papers");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn scenarios_of_papers_can_be_read() {
    let papers = papers();
    assert!(papers.len() >= 2);
    for (name, text) in papers {
        let file = read_text(text.as_bytes(), &Budgets::default()).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(file.name, name);
        assert!(text.starts_with(&format!("# {}\n", file.question)), "{name} does not open with its question");
    }
}

#[test]
fn scenarios_of_papers_resolve_on_their_lists_and_give_the_same_again() {
    let Some(lists) = shared("alibaba-gpu-2023-openb") else { return };
    let folder = Folder::new("inflation-papers");
    std::fs::create_dir_all(folder.of("data")).unwrap();
    for list in ["openb_node_list_gpu_node.csv", "openb_pod_list_default.csv"] {
        std::fs::copy(lists.join(list), folder.of(&format!("data/{list}"))).unwrap();
    }
    let here = folder.path();
    for (name, text) in papers() {
        let scenario = whole(&text, here);
        assert_eq!(scenario.setup.cluster.len(), 1_213, "{name}");
        let shapes: u64 = scenario.setup.workload.shapes().iter().map(|shape| shape.jobs).sum();
        let (listed, share) = match name.as_str() {
            // Shapes are of the whole list.
            "fgd-atc23" => (8_152, scenario.offered.gpu_share),
            _ => (1_088, scenario.offered.cpu_share),
        };
        assert_eq!(shapes, listed, "{name}");
        assert!(share <= 1.3 && share > 1.299, "{name}: {share}");
        let again = whole(&scenario.resolved_yaml, here);
        assert_eq!(format!("{:?}", again.setup), format!("{:?}", scenario.setup), "{name}");
        assert_eq!(again.runs, scenario.runs, "{name}");
        // Another seed, another order of jobs and of hosts.
        let other = whole(&text.replace("seed: 42", "seed: 43"), here);
        let first = |s: &Scenario| {
            let (jobs, hosts) = (&s.setup.workload, &s.setup.cluster);
            let jobs: Vec<String> = jobs.ids().take(9).map(|job| jobs.name(job).to_owned()).collect();
            (jobs, hosts.ids().take(9).map(|host| hosts.name(host).to_owned()).collect::<Vec<_>>())
        };
        let ((jobs, hosts), (other_jobs, other_hosts)) = (first(&scenario), first(&other));
        assert!(jobs != other_jobs && hosts != other_hosts, "{name}");
    }
}

#[test]
fn the_orders_of_the_published_experiment_can_be_read() {
    let (Some(lists), Some(orders)) = (shared("alibaba-gpu-2023-openb"), shared("../reference/fgd-atc23")) else {
        return;
    };
    let text = format!(
        "apiVersion: plimsoll/v1\nkind: Scenario\nworkload:\n  trace: {{format: openb, path: \"{lists}/openb_node_list_gpu_node.csv,\
         {lists}/openb_pod_list_default.csv\"}}\n  usage: request\n  inflation: {{order: {orders}/default_seed42.txt}}\n\
         orchestrators: [first-fit]\n",
        lists = lists.display(),
        orders = orders.display()
    );
    let setup = whole(&text, Path::new("")).setup;
    // 8,075,080 of 6,212,000 thousandths of GPUs; the first words of both lines.
    assert_eq!(setup.workload.len(), 10_866);
    let gpus: u64 =
        setup.workload.ids().flat_map(|job| setup.workload.spec(job).gpus.iter()).map(|&g| u64::from(g)).sum();
    assert_eq!(gpus, 8_075_080);
    assert_eq!(setup.workload.name(plimsoll::ids::JobId(0)), "openb-pod-0255");
    assert_eq!(setup.cluster.name(plimsoll::ids::HostId(0)), "0000-openb-node-0260");
}
