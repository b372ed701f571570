//! The index against the schedulers of 2016, over the recorded cases: every attempt both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll::kube::y2016::algorithm::Algorithm;
use plimsoll::kube::y2016::case::{Case, Choice, Op};
use plimsoll::kube::y2016::indexed::Indexed;
use plimsoll::kube::y2016::pod::Pod;
use plimsoll::kube::y2016::scheduler::Scheduler;

use super::kube_2016::read_case;
use super::{read_json, vectors};

/// What came of the attempts of the cases.
#[derive(Default)]
struct Seen {
    attempts: usize,
    placed: usize,
    differences: Vec<String>,
}

/// Where the index says the pod goes, shown everything anew; `None`: it does not place such pods.
fn ask(scheduler: &Scheduler, pod: &Pod) -> Option<Option<String>> {
    let mut index = Indexed::default();
    let plan = index.plan(&scheduler.algorithm, &scheduler.owners, pod)?;
    if !index.show_all(scheduler) {
        return None;
    }
    let found = index.find(&scheduler.algorithm, &plan, scheduler.counter())?;
    Some(found.map(|place| scheduler.nodes().nth(place).unwrap().0.name.clone()))
}

fn run(name: &str, case: Case, seen: &mut Seen) {
    let mut scheduler = Scheduler::with(Algorithm::of(case.version));
    scheduler.owners = case.owners;
    case.nodes.into_iter().for_each(|node| scheduler.set_node(node));
    let mut pods: BTreeMap<String, (Arc<Pod>, Option<String>)> = BTreeMap::new();
    for pod in case.bound {
        let node = pod.node_name.clone().unwrap_or_default();
        let pod = Arc::new(pod);
        scheduler.add_pod(&node, Arc::clone(&pod));
        pods.insert(pod.key.clone(), (pod, Some(node)));
    }
    pods.extend(case.pods.into_iter().map(|pod| (pod.key.clone(), (Arc::new(pod), None))));
    for op in case.ops {
        match op {
            Op::Schedule(key) => {
                let Some((pod, at)) = pods.get_mut(&key).filter(|(_, at)| at.is_none()) else { continue };
                let answer = ask(&scheduler, pod);
                let attempt = scheduler.schedule(pod);
                let chosen = attempt.node().map(|node| node.to_string());
                seen.attempts += 1;
                if let Some(answer) = answer {
                    seen.placed += 1;
                    if answer != chosen {
                        seen.differences.push(format!("{name} {key}: {answer:?}, not {chosen:?}"));
                    }
                }
                let bound = match case.choice {
                    Choice::RoundRobin => chosen,
                    Choice::FirstByName => attempt.top.first().map(|at| attempt.feasible[*at].to_string()),
                };
                if let Some(node) = bound {
                    scheduler.add_pod(&node, Arc::clone(pod));
                    *at = Some(node);
                }
            }
            Op::Delete(key) => {
                if let Some((_, Some(node))) = pods.remove(&key) {
                    scheduler.remove_pod(&node, &key);
                }
            }
            Op::Terminate(key) => {
                if let Some((pod, Some(node))) = pods.get_mut(&key) {
                    scheduler.remove_pod(node, &key);
                    Arc::make_mut(pod).deleting = true;
                    scheduler.add_pod(node, Arc::clone(pod));
                }
            }
            Op::AddNode(node) | Op::UpdateNode(node) => scheduler.set_node(*node),
            Op::RemoveNode(name) => drop(scheduler.remove_node(&name)),
        }
    }
}

#[test]
fn the_index_places_the_pods_of_every_recorded_case_as_the_schedulers_of_2016_do() {
    let Some(files) = vectors("kube-2016", &super::folder("kube-2016")) else { return };
    let mut seen = Seen::default();
    for (name, path) in &files {
        run(name, read_case(name, &read_json(path)), &mut seen);
    }
    for difference in seen.differences.iter().take(50) {
        println!("{difference}");
    }
    let Seen { attempts, placed, differences } = seen;
    println!("conformance kube-2016: {placed} of {attempts} attempts by the index, {} differences", differences.len());
    assert!(placed > 300, "only {placed} of {attempts} attempts were at pods that the index places");
    assert_eq!(differences.len(), 0, "the index differs from the scheduler");
}
