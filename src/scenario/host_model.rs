//! How hosts behave: the keys of `host:`, which are the rows of the table of host parameters.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::text::{At, Words};
use crate::error::{Result, unknown_name};
use crate::host::{HostModel, host_parameter, host_parameters};

/// Host parameters by name. What is left out has the default of the host model.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostSection(BTreeMap<String, At<Words>>);

impl HostSection {
    /// Whether all is left to the defaults.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host model it describes.
    pub(super) fn model(&self) -> Result<HostModel> {
        let mut model = HostModel::default();
        for (key, value) in &self.0 {
            let Some(parameter) = host_parameter(key) else {
                let names: Vec<&str> = host_parameters().map(|p| p.name).collect();
                return Err(value.refuse(unknown_name("host parameter", key, &names)).in_field("host"));
            };
            (parameter.set)(&mut model, &value.0).map_err(|why| value.place(why.in_field(format!("host.{key}"))))?;
        }
        model.check().map_err(|(key, why)| {
            let why = why.in_field(format!("host.{key}"));
            match self.0.get(key) {
                Some(value) => value.place(why),
                None => why,
            }
        })?;
        Ok(model)
    }

    /// `model` with nothing left to a default.
    pub(super) fn written(model: &HostModel) -> Self {
        HostSection(host_parameters().map(|p| (p.name.to_string(), Words((p.get)(model)).into())).collect())
    }
}

impl JsonSchema for HostSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostSection".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<Words>();
        let properties: serde_json::Map<String, serde_json::Value> = host_parameters()
            .map(|p| {
                let mut schema = value.clone();
                schema.insert("description".into(), format!("{}; default {}.", p.summary, p.default()).into());
                (p.name.to_string(), schema.into())
            })
            .collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
