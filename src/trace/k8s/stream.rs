//! Lists in JSON, item by item, without a tree of the whole.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::kube::object::Objects;

/// Adds the objects of `text`, if it is JSON: objects, and lists whose items say their kinds. `false`: it is something
/// else, or something is wrong with it; then some objects may have been added.
pub(super) fn read(objects: &mut Objects, text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with('{') {
        return false;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    while json.end().is_err() {
        if (Top { objects: &mut *objects }).deserialize(&mut json).is_err() {
            return false;
        }
    }
    true
}

/// An object, or a list of some.
struct Top<'a> {
    objects: &'a mut Objects,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut fields, mut listed) = (Map::new(), false);
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                if listed {
                    return Err(A::Error::custom("items twice"));
                }
                listed = true;
                map.next_value_seed(Items { objects: &mut *self.objects })?;
            } else if listed && key != "kind" {
                map.next_value::<IgnoredAny>()?;
            } else {
                let value = map.next_value::<Value>()?;
                fields.insert(key, value);
            }
        }
        let is_list = fields.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        match (listed, is_list) {
            (true, true) => Ok(()),
            (false, _) => self.objects.add(&Value::Object(fields)).map_err(A::Error::custom),
            (true, false) => Err(A::Error::custom("items of no list")),
        }
    }
}

/// The items of a list.
struct Items<'a> {
    objects: &'a mut Objects,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Item(item)) = items.next_element()? {
            if item.get("kind").and_then(Value::as_str).is_none() {
                return Err(A::Error::custom("an item without a kind"));
            }
            self.objects.add(&item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// One item; lists in lists are trees again.
struct Item(Value);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_by_item_is_the_same_as_the_whole() {
        let text = include_str!("../../../tests/traces/k8s/cluster.json");
        let (mut streamed, mut whole) = (Objects::default(), Objects::default());
        assert!(read(&mut streamed, text));
        whole.read_text(text).unwrap();
        assert_eq!((&streamed.pods, &streamed.nodes, &streamed.met), (&whole.pods, &whole.nodes, &whole.met));
        assert_eq!((&streamed.controllers, &streamed.services), (&whole.controllers, &whole.services));
        assert_eq!((&streamed.ignored, &streamed.ignored_kinds), (&whole.ignored, &whole.ignored_kinds));
        for (text, want) in [
            ("{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\"}} {\"kind\":\"List\",\"items\":[]}", true),
            ("{\"kind\":\"NodeList\",\"items\":[{\"metadata\":{\"name\":\"a\"}}]}", false),
            ("{\"kind\":\"Node\",\"items\":[]}", false),
            ("{\"kind\":\"List\",\"items\":[]", false),
            ("{\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\"}]}", false),
            ("kind: Node", false),
        ] {
            assert_eq!(read(&mut Objects::default(), text), want, "{text}");
        }
    }
}
