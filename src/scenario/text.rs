//! The scalars of a scenario: text as Kubernetes writes it, read once at the edge, with its place for errors.

use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result, unknown_name};
use crate::orchestrator::RequestRule;
use crate::units::{Bytes, MilliCpu, SimDuration, parse_count, parse_milli};
use crate::workload::{LOAD_RESOURCES, LoadScale, USAGE_MODELS, UsageMode};

/// A value and where it was written (1-based; line 0: not in a file).
#[derive(Clone, Copy, Default, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: u32,
    /// Its column.
    pub column: u32,
}

impl<T> At<T> {
    /// `error` with this place, if it is in a file and the error has no place yet.
    pub fn place(&self, error: Error) -> Error {
        if self.line == 0 { error } else { error.at(self.line.into(), self.column.into()) }
    }

    /// An input error at this place.
    pub fn refuse(&self, what: impl Into<String>) -> Error {
        self.place(Error::input(what))
    }
}

/// Places do not make values differ.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> From<T> for At<T> {
    fn from(value: T) -> Self {
        At { value, line: 0, column: 0 }
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        let place = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = (place(spanned.referenced.line()), place(spanned.referenced.column()));
        Ok(At { value: spanned.value, line, column })
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Between the reader's line and column and the message of an error that serde carries.
pub(super) const PLACE_MARK: char = '\u{1f}';

/// Reads a scalar as text and then with `parse`; what `parse` says arrives with line and column.
fn scalar<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T>,
) -> std::result::Result<T, D::Error> {
    let text = At::<String>::deserialize(deserializer)?;
    parse(&text).map_err(|why| {
        // Serde errors made by hand carry no place, so it travels in the message; `read` takes it out again.
        de::Error::custom(format!("{}:{}{PLACE_MARK}{}", text.line, text.column, why.message()))
    })
}

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident($inner:ty) = $parse:expr, $types:tt, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// Reads it as it is written in a scenario.
            pub fn parse(text: &str) -> Result<Self> {
                let parse: fn(&str) -> Result<$inner> = $parse;
                parse(text.trim()).map($name)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                scalar(deserializer, $name::parse)
            }
        }

        impl Serialize for $name {
            /// Whole numbers as numbers, all else as text.
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                let text = self.to_string();
                match text.parse::<i64>() {
                    Ok(number) => serializer.serialize_i64(number),
                    Err(_) => serializer.serialize_str(&text),
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "examples": [$example] })
            }
        }
    };
}

scalar!(
    /// CPU: `500m`, `2`, `0.5`.
    Cpu(MilliCpu) = MilliCpu::parse, ["string", "number"], "500m");
scalar!(
    /// Memory or storage: `512Mi`, `16Gi`, bytes.
    Memory(Bytes) = Bytes::parse, ["string", "integer"], "512Mi");
scalar!(
    /// A length of time: `90s`, `5m`, `1h30m`, `2d`, seconds.
    Length(SimDuration) = SimDuration::parse, ["string", "number"], "90s");
scalar!(
    /// A count of an extended resource.
    Count(i64) = parse_count, ["string", "integer"], "4");
scalar!(
    /// A share in thousandths, written as a decimal: `0.25`.
    Share(u32) = |text| parse_milli(text, "share"), ["string", "number"], "0.25");
scalar!(
    /// Thousandths of a per cent, written as `130%` or `132.5%`.
    Percent(u32) = |text| {
        let bad = || Error::input(format!("\"{text}\" is not a percentage (try 130%; at most 1000000%)"));
        text.strip_suffix('%').and_then(|share| parse_milli(share.trim(), "percentage").ok()).ok_or_else(bad)
    }, ["string"], "130%");
scalar!(
    /// `on` or `off`.
    Switch(bool) = |text| match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(Error::input(format!("\"{text}\" is neither on nor off"))),
    }, ["string", "boolean"], "on");
scalar!(
    /// What requests are read as: `as-written`, `absent`, or a factor (`0.25`, `x4`).
    RequestText(RequestRule) = |text| match text {
        "as-written" => Ok(RequestRule::AsWritten),
        "absent" => Ok(RequestRule::Absent),
        _ => match parse_milli(text.strip_prefix('x').unwrap_or(text), "factor") {
            Ok(0) => Err(Error::input("requests times 0 are none; say requests: absent")),
            Ok(milli) => Ok(RequestRule::Times(milli)),
            Err(_) => Err(Error::input(format!(
                "\"{text}\" is neither as-written nor absent nor a factor (try 0.25 or 4)"
            ))),
        },
    }, ["string", "number"], "absent");
scalar!(
    /// What jobs without a profile use: `model:mix`, `request`, or shares of the request (`cpu=0.3,memory=0.8`).
    UsageText(UsageMode) = usage_mode_parse, ["string"], "model:mix");

/// A wanted load: `0.7`, or of one resource `cpu=0.7`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load(pub LoadScale);

impl Load {
    /// Reads `0.7` or `cpu=0.7`.
    pub fn parse(text: &str) -> Result<Self> {
        // Only the message is kept: in a scenario this is an input, not a flag.
        LoadScale::parse(text).map(Load).map_err(|why| Error::input(why.message()))
    }
}

impl<'de> Deserialize<'de> for Load {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        scalar(deserializer, Load::parse)
    }
}

impl Serialize for Load {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0.resource {
            None => serializer.serialize_f64(self.0.share),
            Some(r) => serializer.serialize_str(&format!("{}={}", LOAD_RESOURCES[usize::from(r)], self.0.share)),
        }
    }
}

impl JsonSchema for Load {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Load".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "examples": [0.7, "cpu=0.7"] })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f64::from(self.0) / 1000.0).fmt(f)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 1000.0)
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

impl fmt::Display for RequestText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UsageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UsageMode::Request => f.write_str("request"),
            UsageMode::Share { cpu_milli, memory_milli } => {
                write!(f, "cpu={},memory={}", Share(cpu_milli), Share(memory_milli))
            }
            UsageMode::Model(model) => write!(f, "model:{}", USAGE_MODELS[usize::from(model)].name),
        }
    }
}

/// Reads `model:mix`, `request`, `cpu=0.3,memory=0.8` or `{cpu: 0.3, memory: 0.8}`.
pub fn usage_mode_parse(text: &str) -> Result<UsageMode> {
    let text = text.trim();
    if text == "request" {
        return Ok(UsageMode::Request);
    }
    if let Some(name) = text.strip_prefix("model:") {
        let names: Vec<&str> = USAGE_MODELS.iter().map(|m| m.name).collect();
        return match names.iter().position(|n| *n == name) {
            Some(model) => Ok(UsageMode::Model(model as u8)),
            None => Err(Error::input(unknown_name("usage model", name, &names))),
        };
    }
    let bad = || Error::input(format!("\"{text}\" is not a usage (try model:mix, request, or cpu=0.3,memory=0.8)"));
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let (mut cpu, mut memory) = (None, None);
    for part in inner.split(',') {
        let (key, value) = part.split_once(['=', ':']).ok_or_else(bad)?;
        let slot = match key.trim() {
            "cpu" => &mut cpu,
            "memory" => &mut memory,
            _ => return Err(bad()),
        };
        if slot.replace(parse_milli(value.trim(), "share")?).is_some() {
            return Err(bad());
        }
    }
    match (cpu, memory) {
        (Some(cpu_milli), Some(memory_milli)) => Ok(UsageMode::Share { cpu_milli, memory_milli }),
        _ => Err(bad()),
    }
}

/// [`UsageMode`] in a scenario: text, or `{cpu: 0.3, memory: 0.8}`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage(pub UsageMode);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UsageShares {
    cpu: Share,
    memory: Share,
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Usage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("model:mix, request, or {cpu: 0.3, memory: 0.8}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Usage, E> {
                usage_mode_parse(text).map(Usage).map_err(|why| E::custom(why.message()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<Usage, A::Error> {
                let shares = UsageShares::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Usage(UsageMode::Share { cpu_milli: shares.cpu.0, memory_milli: shares.memory.0 }))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        UsageText(self.0).serialize(serializer)
    }
}

impl JsonSchema for Usage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UsageMode".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (text, shares) = (UsageText::json_schema(generator), UsageShares::json_schema(generator));
        json_schema!({ "anyOf": [text, shares] })
    }
}

/// The value of a parameter: a scalar as text, or a list, joined by commas.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Words(pub String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, a duration, a number, or a list of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Words, E> {
                Ok(Words(text.into()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> std::result::Result<Words, E> {
                Ok(Words(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> std::result::Result<Words, E> {
                Ok(Words(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> std::result::Result<Words, E> {
                Ok(Words(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<Words, E> {
                Ok(Words(value.to_string()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Words, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element::<String>()? {
                    texts.push(text);
                }
                Ok(Words(texts.join(",")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ParameterValue".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean", "array"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_reads_in_every_spelling_and_prints_one_that_reads_back() {
        for (text, want) in [
            ("request", "request"),
            ("model:mix", "model:mix"),
            ("cpu=0.3,memory=0.8", "cpu=0.3,memory=0.8"),
            ("{cpu: 0.3, memory: .8}", "cpu=0.3,memory=0.8"),
            ("memory=1,cpu=2.125", "cpu=2.125,memory=1"),
        ] {
            assert_eq!(UsageText(usage_mode_parse(text).unwrap()).to_string(), want, "{text}");
        }
        for text in [
            "",
            "model:",
            "cpu=0.3",
            "cpu=0.3,cpu=0.4",
            "cpu=-1,memory=1",
            "cpu=0.3,memory=0.8,gpu=1",
            "cpu=1e9,memory=1",
        ] {
            assert!(usage_mode_parse(text).is_err(), "{text}");
        }
        assert_eq!(
            usage_mode_parse("model:mixx").unwrap_err().to_string(),
            "unknown usage model \"mixx\"; did you mean \"mix\"?"
        );
    }

    #[test]
    fn shares_switches_factors_and_loads_read_as_written() {
        for (text, want) in [("0.02", 20), ("1", 1000), ("4.", 4000), (".5", 500), ("0.1250", 125), ("0", 0)] {
            assert_eq!(Share::parse(text).unwrap().0, want, "{text}");
        }
        for text in ["", ".", "-1", "0.0001", "1e3", "NaN", "1000001", "99999999999"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
        for (text, want) in [("0.25", "x0.25"), ("x4", "x4"), ("absent", "absent"), ("as-written", "as-written")] {
            let rule = RequestText::parse(text).unwrap();
            assert_eq!(rule.to_string(), want);
            assert_eq!(RequestText::parse(want).unwrap(), rule);
        }
        for (text, want) in [("130%", 130_000), ("132.5 %", 132_500), ("0.001%", 1), ("1000000%", 1_000_000_000)] {
            let percent = Percent::parse(text).unwrap();
            assert_eq!((percent.0, Percent::parse(&percent.to_string()).unwrap().0), (want, want), "{text}");
        }
        for text in ["", "%", "130", "1.3", "-1%", "0.0001%", "1000001%", "all%"] {
            assert!(Percent::parse(text).is_err(), "{text}");
        }
        assert!(RequestText::parse("0").is_err() && RequestText::parse("none").is_err());
        assert_eq!(Switch::parse("yes").unwrap_err().to_string(), "\"yes\" is neither on nor off");
        assert_eq!(Load::parse("memory=0.7").unwrap().0, LoadScale { resource: Some(1), share: 0.7 });
        for text in ["0", "-1", "nan", "disk=1", "inf"] {
            assert!(Load::parse(text).is_err(), "{text}");
        }
    }
}
