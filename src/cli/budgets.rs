//! Budgets: how much an input may ask for. Each is checked before anything of that size is made.

use clap::Args;

use crate::scenario::Budgets;

/// Budgets, shared by all commands that read input.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Budgets (exceeding one exits 3)")]
pub(super) struct BudgetArgs {
    /// Take at most NUM hosts
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().hosts)]
    max_hosts: u64,
    /// Take at most NUM jobs, replicas included
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().jobs)]
    max_jobs: u64,
    /// Take at most NUM usage steps
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().usage_steps)]
    max_usage_steps: u64,
    /// Take at most NUM failures, drawn ones included
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().failures)]
    max_failures: u64,
    /// Handle at most NUM events in a run
    #[arg(long, value_name = "NUM", default_value_t = 20_000_000_000)]
    pub(super) max_events: u64,
    /// Keep at most NUM changes of a run for its report
    #[arg(long, value_name = "NUM", default_value_t = 20_000_000)]
    pub(super) max_changes: u64,
    /// Write at most NUM bytes of results
    #[arg(long, value_name = "NUM", default_value_t = crate::report::DEFAULT_MAX_OUTPUT_BYTES)]
    pub(super) max_output_bytes: u64,
    /// Read scenarios of at most NUM bytes
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().yaml_bytes)]
    max_yaml_bytes: usize,
    /// Read scenarios of at most NUM YAML nodes, repeated aliases included
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().yaml_nodes)]
    max_yaml_nodes: usize,
    /// Read scenarios nested at most NUM deep
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().yaml_depth)]
    max_yaml_depth: usize,
    /// Read trace lines of at most NUM bytes
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().trace.max_line_bytes)]
    max_line_bytes: u64,
    /// Read at most NUM bytes of one trace file, after decompression
    #[arg(long, value_name = "NUM", default_value_t = Budgets::default().trace.max_decompressed_bytes)]
    max_input_bytes: u64,
}

impl BudgetArgs {
    /// As readers take them.
    pub(super) fn budgets(&self) -> Budgets {
        Budgets {
            hosts: self.max_hosts,
            jobs: self.max_jobs,
            usage_steps: self.max_usage_steps,
            failures: self.max_failures,
            yaml_bytes: self.max_yaml_bytes,
            yaml_nodes: self.max_yaml_nodes,
            yaml_depth: self.max_yaml_depth,
            trace: crate::trace::Budgets {
                max_jobs: self.max_jobs,
                max_hosts: self.max_hosts,
                max_usage_steps: self.max_usage_steps,
                max_line_bytes: self.max_line_bytes,
                max_decompressed_bytes: self.max_input_bytes,
                careful: false,
            },
        }
    }
}
