//! `scenario.yaml`: what was run, resolved.

use super::{Form, OutputInfo, OutputKind};

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "scenario.yaml",
    summary: "The scenario as it was run, all defaults filled in",
    kind: OutputKind::Yaml,
    form: Form::Stream(|experiment, out| out.write_all(experiment.scenario_yaml.as_bytes())),
};
