//! `plimsoll list`: the tables, as they stand in the code.

use clap::Args as ClapArgs;

use super::stdout;
use crate::discovery::DISCOVERIES;
use crate::error::{Error, Result, unknown_name};
use crate::host::host_parameters;
use crate::kube::honesty::fields::FIELDS;
use crate::metrics::metrics;
use crate::orchestrator::ORCHESTRATORS;
use crate::paper::PAPERS;
use crate::placement::PLACEMENTS;
use crate::report::{CHARTS, EXPORTS, OUTPUTS};
use crate::trace::FORMATS;
use crate::workload::USAGE_MODELS;
use crate::workload::generator::GENERATORS;

/// Arguments of `list`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// List only TABLE: orchestrators, placements, discoveries, formats, format-options, generators, usage-models, metrics, charts, outputs, exports, papers, parameters or kube-fields
    #[arg(value_name = "TABLE")]
    table: Option<String>,
    /// Print Markdown tables, as they stand in the README
    #[arg(long)]
    markdown: bool,
}

/// A table of names and one line for each.
pub struct Listing {
    /// Its name.
    pub table: &'static str,
    /// Names and summaries, in order.
    pub rows: Vec<(String, String)>,
}

/// All tables.
pub fn listings() -> Vec<Listing> {
    let rows = |pairs: Vec<(&str, &str)>| pairs.into_iter().map(|(n, s)| (n.to_owned(), s.to_owned())).collect();
    let set = ORCHESTRATORS.iter().map(|o| (o.name, o.parameters));
    let parameters = set.chain(DISCOVERIES.iter().map(|d| (d.name, d.parameters))).flat_map(|(owner, parameters)| {
        parameters.iter().map(move |p| {
            let default = if p.default.is_empty() { "none" } else { p.default };
            (format!("{owner}.{}", p.name), parameter(p.summary, default, p.source, p.range))
        })
    });
    let of_hosts =
        host_parameters().map(|p| (format!("host.{}", p.name), parameter(p.summary, &p.default(), p.source, p.range)));
    let fields = FIELDS.iter().map(|f| {
        let colon = if f.note.is_empty() { "" } else { ": " };
        (f.path.replace(',', ", "), format!("{}{colon}{}", f.class.name(), f.note))
    });
    let format_options = FORMATS.iter().flat_map(|format| {
        format.options.iter().map(move |o| {
            let said = format!("{}; {}; default {}", o.summary, o.values.described(), o.default);
            (format!("{} {}", format.name, o.name), said)
        })
    });
    vec![
        Listing { table: "orchestrators", rows: rows(ORCHESTRATORS.iter().map(|o| (o.name, o.summary)).collect()) },
        Listing { table: "placements", rows: rows(PLACEMENTS.iter().map(|p| (p.name, p.summary)).collect()) },
        Listing { table: "discoveries", rows: rows(DISCOVERIES.iter().map(|d| (d.name, d.summary)).collect()) },
        Listing { table: "formats", rows: rows(FORMATS.iter().map(|f| (f.name, f.summary)).collect()) },
        Listing { table: "format-options", rows: format_options.collect() },
        Listing { table: "generators", rows: rows(GENERATORS.iter().map(|g| (g.name, g.summary)).collect()) },
        Listing { table: "usage-models", rows: rows(USAGE_MODELS.iter().map(|u| (u.name, u.summary)).collect()) },
        Listing { table: "metrics", rows: rows(metrics().map(|m| (m.name, m.summary)).collect()) },
        Listing { table: "charts", rows: rows(CHARTS.iter().map(|c| (c.name, c.summary)).collect()) },
        Listing { table: "outputs", rows: rows(OUTPUTS.iter().map(|o| (o.file, o.summary)).collect()) },
        Listing { table: "exports", rows: rows(EXPORTS.iter().map(|e| (e.name, e.summary)).collect()) },
        Listing { table: "papers", rows: rows(PAPERS.iter().map(|p| (p.name, p.summary)).collect()) },
        Listing { table: "parameters", rows: parameters.chain(of_hosts).collect() },
        Listing { table: "kube-fields", rows: fields.collect() },
    ]
}

/// One line on a parameter.
fn parameter(summary: &str, default: &str, source: &str, range: &str) -> String {
    let sweep = if range.is_empty() { String::new() } else { format!("; sweep {range}") };
    format!("{summary}; default {default} ({source}{sweep})")
}

/// `listing` as a Markdown table.
pub fn markdown(listing: &Listing) -> String {
    let mut text = String::from("| name | |\n| --- | --- |\n");
    for (name, summary) in &listing.rows {
        text.push_str(&format!("| `{name}` | {} |\n", summary.replace('|', "\\|")));
    }
    text
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let mut listings = listings();
    if let Some(wanted) = &args.table {
        let names: Vec<&str> = listings.iter().map(|l| l.table).collect();
        if !names.contains(&wanted.as_str()) {
            return Err(Error::usage(unknown_name("table", wanted, &names)));
        }
        listings.retain(|l| l.table == wanted);
    }
    let mut text = String::new();
    for (i, listing) in listings.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        if args.markdown {
            text.push_str(&markdown(listing));
            continue;
        }
        if args.table.is_none() {
            text.push_str(&format!("{}\n", listing.table));
        }
        let width = listing.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, summary) in &listing.rows {
            text.push_str(&format!("  {name:width$}  {summary}\n"));
        }
    }
    stdout::print(&text)
}
