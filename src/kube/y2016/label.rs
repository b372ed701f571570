//! What counts as a label, and selectors made of plain sets of labels.

use crate::kube::object::selector::{Labels, Selector};

/// Longest name part of a key, and longest value, in bytes.
const NAME_MAX: usize = 63;
/// Longest prefix of a key, in bytes.
const PREFIX_MAX: usize = 253;

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`, at most 63 bytes.
fn is_qualified(text: &str) -> bool {
    let end = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= NAME_MAX
        && end(bytes.first())
        && end(bytes.last())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

/// `IsDNS1123Subdomain`: labels of a-z, 0-9 and `-`, none of them empty or with a `-` first or last.
fn is_subdomain(text: &str) -> bool {
    let lower = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |part: &str| {
        let bytes = part.as_bytes();
        let end = |c: Option<&u8>| c.is_some_and(lower);
        end(bytes.first()) && end(bytes.last()) && bytes.iter().all(|c| lower(c) || *c == b'-')
    };
    text.len() <= PREFIX_MAX && text.split('.').all(is_label)
}

/// `validateLabelKey` (`pkg/labels/selector.go` v1.2.4): a name, with a domain and `/` before it or without.
pub fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_qualified(name),
        None => is_qualified(text),
    }
}

/// `validateLabelValue` (`pkg/labels/selector.go` v1.2.4): empty, or as the name of a key.
pub fn is_value(text: &str) -> bool {
    text.is_empty() || is_qualified(text)
}

/// `SelectorFromSet` (`pkg/labels/selector.go` v1.2.4): all of these labels. One that is none makes the selector
/// select everything.
pub fn set_selector(labels: &Labels) -> Selector {
    if labels.iter().all(|(key, value)| is_key(key) && is_value(value)) {
        Selector::of_labels(labels)
    } else {
        Selector::everything()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_what_the_api_takes() {
        for key in ["a", "a.b_c-D", "kubernetes.io/hostname", "0"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "-a", "a-", "a b", "/a", "A.b/c", "a..b/c", "a/b/c", "a/", &"x".repeat(64)] {
            assert!(!is_key(key), "{key}");
        }
        assert!(is_value("") && is_value("1.5") && is_value(&"x".repeat(63)));
        assert!(!is_value("+1") && !is_value("a/b") && !is_value(".5"));
    }

    #[test]
    fn a_set_with_a_label_that_is_none_selects_everything() {
        let set = |key: &str, value: &str| set_selector(&Labels::from([(key.to_string(), value.to_string())]));
        let labels = Labels::from([("app".to_string(), "web".to_string())]);
        assert!(set("app", "web").matches(&labels) && !set("app", "db").matches(&labels));
        assert!(set("app", "not a value").is_empty());
        assert!(set("app", "not a value").matches(&labels));
    }
}
