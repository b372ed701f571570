//! `plimsoll needs`: what must run, or be stood in for, before a component of the platform is ready.

use clap::Args as ClapArgs;

use super::stdout;
use crate::discovery::component::{COMPONENTS, ComponentInfo, Need, closure, component};
use crate::error::{Error, Result, unknown_name};

/// Arguments of `needs`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  plimsoll needs logspout\n  plimsoll needs controller --format csv")]
pub(super) struct Args {
    /// The component, by its name under Deis 1 or under Workflow; without it all of them
    #[arg(value_name = "COMPONENT")]
    component: Option<String>,
    /// Print a table, or CSV
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Table)]
    format: Form,
}

/// The form in which needs are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Form {
    /// A table to read.
    Table,
    /// A row a component, system and need.
    Csv,
}

/// The systems: what they are called, and how things find each other there.
const SYSTEMS: [(&str, &str); 2] = [("Deis 1 on fleet (etcd)", "etcd"), ("Workflow on Kubernetes (DNS)", "dns")];

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let asked: Vec<&ComponentInfo> = match &args.component {
        None => COMPONENTS.iter().collect(),
        Some(name) => match component(name) {
            Some((_, info)) => vec![info],
            None => {
                let names: Vec<&str> = COMPONENTS.iter().map(|c| c.name).collect();
                return Err(Error::usage(unknown_name("component", name, &names)));
            }
        },
    };
    stdout::print(&match args.format {
        Form::Table => table(&asked, args.component.is_some()),
        Form::Csv => csv(&asked),
    })
}

fn needs(discovery: &str, info: &ComponentInfo) -> Vec<Need> {
    closure(discovery, info.name).expect("a component of the table")
}

fn total(needs: &[Need]) -> u32 {
    needs.iter().map(|need| need.count).sum()
}

fn table(asked: &[&ComponentInfo], long: bool) -> String {
    let mut text = String::new();
    if !long {
        text.push_str("Processes that must run, or be mocked, before a component is ready\n\n");
        text.push_str(&format!("{:14}  {:>6}  {:>10}  under Deis 1\n", "component", "Deis 1", "Kubernetes"));
        for info in asked {
            let (deis, kube) = (needs("etcd", info), needs("dns", info));
            let names: Vec<&str> = deis.iter().map(|need| need.name).collect();
            let (a, b) = (total(&deis), total(&kube));
            text.push_str(&format!("{:14}  {a:>6}  {b:>10}  {}\n", info.name, names.join(", ")));
        }
        return text;
    }
    for info in asked {
        text.push_str(&format!("{}: {}\n", info.name, info.summary));
        for (system, discovery) in SYSTEMS {
            let needs = needs(discovery, info);
            let name = if discovery == "dns" { info.workflow } else { info.name };
            if name.is_empty() {
                text.push_str(&format!("\n{system}: there is none; Kubernetes itself does it\n"));
                continue;
            }
            text.push_str(&format!(
                "\n{system}: {name} needs {} to run or be mocked first\n",
                processes(total(&needs))
            ));
            for need in &needs {
                let why = match need.name {
                    "etcd" => "members, of which two must agree before anything can be announced",
                    _ => component(need.name).map_or("", |(_, peer)| peer.summary),
                };
                text.push_str(&format!("  {} x {}: {why}\n", need.count, need.name));
            }
            if discovery == "etcd" {
                for key in info.keys {
                    text.push_str(&format!("  key {key}: written at its start if absent\n"));
                }
            } else {
                text.push_str("  its configuration comes with its environment and its secrets; names always resolve\n");
            }
        }
    }
    text
}

fn processes(n: u32) -> String {
    match n {
        0 => "nothing".into(),
        1 => "1 process".into(),
        n => format!("{n} processes"),
    }
}

fn csv(asked: &[&ComponentInfo]) -> String {
    let mut text = String::from("component,discovery,need,count\n");
    for info in asked {
        for (_, discovery) in SYSTEMS {
            for need in needs(discovery, info) {
                text.push_str(&format!("{},{discovery},{},{}\n", info.name, need.name, need.count));
            }
        }
    }
    text
}
