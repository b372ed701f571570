//! A scheduler configuration as a file has it: whole, or a fragment of the kind that managed clusters let their users
//! write.
//!
//! Fragments are a profile (`pluginConfig`, `plugins`), the arguments of NodeResourcesFit (`scoringStrategy`), and
//! AKS's SchedulerConfiguration, whose `spec.rawConfig` is a whole one as a text.

use serde_json::{Value, json};

use super::Effective;
use crate::error::{Error, Result};
use crate::kube::object::text::Documents;

/// The kind of a whole configuration.
const WHOLE: &str = "KubeSchedulerConfiguration";

impl Effective {
    /// Reads the one configuration, or fragment of one, in a text (YAML or JSON); an empty one is the default profile.
    ///
    /// Errors carry line and column.
    pub fn read_text(text: &str) -> Result<Self> {
        let documents = Documents::read(text)?;
        let value = match documents.values.as_slice() {
            [] => return Effective::default_profile(),
            [value] => value,
            [_, _, ..] => return Err(Error::input("more than one document; a scheduler configuration is one")),
        };
        read_value(value).map_err(|error| match documents.place(text, 0, error.field().unwrap_or_default()) {
            Some((line, column)) => error.at(line, column),
            None => error,
        })
    }
}

fn read_value(value: &Value) -> Result<Effective> {
    let has = |key: &str| value.get(key).is_some();
    let own = |value: &Value| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        value
    };
    match value.get("kind").and_then(Value::as_str) {
        Some(WHOLE) => Effective::read(value),
        None | Some("NodeResourcesFitArgs") if has("scoringStrategy") => {
            let fit = json!({"name": "NodeResourcesFit", "args": own(value)});
            from_within(
                Effective::read(&json!({"profiles": [{"pluginConfig": [fit]}]})),
                "profiles[0].pluginConfig[0].args.",
            )
        }
        None if has("pluginConfig") || has("plugins") => {
            from_within(Effective::read(&json!({"profiles": [own(value)]})), "profiles[0].")
        }
        None => Effective::read(value),
        Some("SchedulerConfiguration") => {
            let raw = value.get("spec").and_then(|spec| spec.get("rawConfig"));
            let Some(text) = raw.and_then(Value::as_str) else {
                return Err(
                    Error::input("missing; the configuration is expected there as a text").in_field("spec.rawConfig")
                );
            };
            // Lines within the text are not those of the file.
            Effective::read_text(text).map_err(|error| Error::input(error.to_string()).in_field("spec.rawConfig"))
        }
        Some(other) => Err(Error::input(format!("\"{other}\" is not {WHOLE}")).in_field("kind")),
    }
}

/// The error of a fragment speaks of the fields as they stand there.
fn from_within(read: Result<Effective>, prefix: &str) -> Result<Effective> {
    read.map_err(|error| match error.field().and_then(|field| field.strip_prefix(prefix)).map(str::to_string) {
        Some(field) => Error::input(error.message()).in_field(field),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_what_the_whole_configuration_would_be() {
        let whole = "kind: KubeSchedulerConfiguration\nprofiles:\n- pluginConfig:\n  - name: NodeResourcesFit\n    \
                     args: {scoringStrategy: {type: MostAllocated}}\n";
        let want = Effective::read_text(whole).unwrap();
        assert_eq!(want, Effective::ready_made("most-allocated").unwrap());
        for text in [
            "scoringStrategy: {type: MostAllocated}\n".to_string(),
            "kind: NodeResourcesFitArgs\nscoringStrategy: {type: MostAllocated}\n".into(),
            "pluginConfig:\n- {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}\n".into(),
            format!(
                "apiVersion: aks.azure.com/v1alpha1\nkind: SchedulerConfiguration\nspec:\n  rawConfig: |\n    {}",
                whole.trim_end().replace('\n', "\n    ")
            ),
        ] {
            assert_eq!(Effective::read_text(&text).unwrap(), want, "{text}");
        }
        assert_eq!(Effective::read_text("").unwrap(), Effective::default_profile().unwrap());
    }

    #[test]
    fn what_is_wrong_in_a_fragment_is_said_where_it_stands() {
        for (text, want) in [
            (
                "scoringStrategy:\n  type: Most\n",
                "line 2:9: scoringStrategy.type: unknown scoring strategy \"Most\"; did you mean \"MostAllocated\"?",
            ),
            (
                "spec: {}\nkind: SchedulerConfiguration\n",
                "line 1:7: spec.rawConfig: missing; the configuration is expected there as a text",
            ),
        ] {
            assert_eq!(Effective::read_text(text).unwrap_err().to_string(), want);
        }
        assert!(Effective::read_text("kind: Pod\n").is_err());
        assert!(Effective::read_text("profile: []\n").is_err());
    }
}
