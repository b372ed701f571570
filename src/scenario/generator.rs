//! A generator as written: its name, and its parameters beside it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::workload::generator::{GENERATORS, GeneratorParams};

/// `{name: poisson, jobs: 1000, …}`.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct GeneratorSection {
    /// Row of the generators table.
    pub name: String,
    /// Its parameters.
    #[serde(flatten)]
    pub params: GeneratorParams,
}

/// A map without its key `name`, which is put aside. Serde's own `flatten` would take unknown keys in silence.
struct Beside<'a, A> {
    map: A,
    name: &'a mut Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Beside<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key != "name" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            *self.name = Some(self.map.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

impl<'de> Deserialize<'de> for GeneratorSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = GeneratorSection;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a generator: {name: poisson, jobs: 1000}")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GeneratorSection, A::Error> {
                let mut name = None;
                let beside = Beside { map, name: &mut name };
                let params = GeneratorParams::deserialize(de::value::MapAccessDeserializer::new(beside))?;
                Ok(GeneratorSection { name: name.ok_or_else(|| de::Error::missing_field("name"))?, params })
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl JsonSchema for GeneratorSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GeneratorSection".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = GeneratorParams::json_schema(generator);
        let names: Vec<&str> = GENERATORS.iter().map(|g| g.name).collect();
        if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
            properties.insert("name".into(), serde_json::json!({ "type": "string", "enum": names }));
        }
        schema.insert("required".into(), serde_json::json!(["name"]));
        schema
    }
}
