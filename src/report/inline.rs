//! What a page has inside instead of fetching it: data and scripts as text that ends no element, and the policy that lets a
//! browser run these scripts and styles and nothing else.

use sha2::{Digest, Sha256};

/// Stands in the head of every page for the sources that are allowed.
const MARK: &str = "@sources@";

/// `json` for a `<script type="application/json">`: no `<`, `>`, `&` and no line separators of Unicode, which some parsers of
/// scripts take for ends of lines. In JSON such characters stand only within strings, where an escape means the same.
pub fn json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// `page` with the hashes of its own scripts and styles in its policy.
pub fn with_policy(page: &str) -> String {
    let sources = |directive: &str, element: &str| {
        let hashes: Vec<String> = elements(page, element).into_iter().map(|text| format!("'{}'", hash(text))).collect();
        if hashes.is_empty() { String::new() } else { format!("; {directive} {}", hashes.join(" ")) }
    };
    let allowed = sources("script-src", "script") + &sources("style-src", "style");
    page.replacen(MARK, &allowed, 1)
}

/// The texts between `<element>` and `</element>`; those with attributes are data.
fn elements<'p>(page: &'p str, element: &str) -> Vec<&'p str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    page.split(begin.as_str()).skip(1).filter_map(|rest| Some(rest.split_once(end.as_str())?.0)).collect()
}

/// `sha256-…` in the base 64 that policies want.
fn hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("sha256-");
    for three in Sha256::digest(text.as_bytes()).chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit > three.len() { '=' } else { char::from(DIGITS[index as usize]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_the_element_that_holds_it() {
        for (name, expected) in [
            ("web-1", r#""web-1""#),
            ("</script><img src=x onerror=alert(1)>", r#""\u003c/script\u003e\u003cimg src=x onerror=alert(1)\u003e""#),
            ("<!--<script>", r#""\u003c!--\u003cscript\u003e""#),
            ("a&amp;b", r#""a\u0026amp;b""#),
            ("a\u{2028}b\u{2029}", r#""a\u2028b\u2029""#),
            ("\u{1b}[2J\u{0}", r#""\u001b[2J\u0000""#),
            ("\"\\", r#""\"\\""#),
        ] {
            let plain = serde_json::to_string(name).unwrap();
            assert_eq!(json(&plain), expected);
            assert_eq!(serde_json::from_str::<String>(&json(&plain)).unwrap(), name, "it means the same");
        }
    }

    #[test]
    fn the_policy_allows_what_the_page_has_and_no_more() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        // printf 'abc' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        let page = "<meta content=\"default-src 'none'@sources@\"><style>abc</style><script type=\"application/json\">{}</script><script></script>";
        let expected = "default-src 'none'; script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
                        style-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='\"";
        assert!(with_policy(page).contains(expected), "{}", with_policy(page));
        assert!(with_policy("<meta content=\"default-src 'none'@sources@\">").contains("'none'\""));
    }
}
