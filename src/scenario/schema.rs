//! The JSON Schema of scenarios, and the scenario that `plimsoll new` writes.

use super::file::ScenarioFile;

/// JSON Schema (draft 2020-12) of a scenario file.
pub fn schema_json() -> String {
    let mut schema = schemars::schema_for!(ScenarioFile);
    schema.insert("title".into(), "Plimsoll scenario".into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

/// A commented scenario to start from.
pub fn starter_yaml() -> &'static str {
    include_str!("starter.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Budgets, read_text, resolve};

    #[test]
    fn the_starter_passes_its_own_check_and_runs_every_orchestrator_it_names() {
        let budgets = Budgets::default();
        let file = read_text(starter_yaml().as_bytes(), &budgets).unwrap();
        let scenario = resolve(&file, std::path::Path::new("."), &budgets).unwrap();
        assert_eq!(scenario.runs.len(), 4);
        assert!(starter_yaml().lines().all(|line| line.len() <= 120));
    }

    #[test]
    fn the_schema_is_of_draft_2020_12_and_knows_every_key() {
        let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        for key in ["apiVersion", "kind", "cluster", "workload", "orchestrators", "host", "failures", "warm_up"] {
            assert!(schema["properties"][key].is_object(), "{key}");
        }
        assert!(schema["$defs"]["JobSection"]["properties"]["node_selector"].is_object());
    }
}
