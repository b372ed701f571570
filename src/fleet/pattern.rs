//! The patterns of `Conflicts=` and `Replaces=`: those of Go's `path.Match`.
//!
//! A whole name must match. `*` is any run of characters and `?` any one, neither across `/`; `[a-z]` is one character of a
//! class, `[^a-z]` one outside it (here `/` counts as any other); `\` takes the next character as it is. A pattern that is no
//! pattern (an open class, a bare `\` at the end, `-` or `]` where a class wants a character) matches nothing.
//!
//! Names are compared byte by byte, as Go does, which shows only where a name is not ASCII: a `*` may end inside a character.

/// A pattern, read once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    /// `None` where the text is no pattern.
    pieces: Option<Vec<Piece>>,
}

/// What stands between two runs of stars.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Piece {
    after_star: bool,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// `?`
    Any,
    Byte(u8),
    Class {
        outside: bool,
        /// Ranges of code points, both ends in.
        ranges: Vec<(u32, u32)>,
    },
}

impl Pattern {
    /// Reads a pattern; any text will do.
    pub fn new(text: impl Into<String>) -> Pattern {
        let text = text.into();
        let pieces = pieces(&text);
        Pattern { text, pieces }
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is a pattern; fleet logs the others at debug level and goes on.
    pub fn is_well_formed(&self) -> bool {
        self.pieces.is_some()
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let Some(pieces) = &self.pieces else { return false };
        let mut name = name.as_bytes();
        for (i, piece) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len();
            if piece.after_star && piece.parts.is_empty() {
                return !name.contains(&b'/');
            }
            // The first place where a piece fits is kept: what follows a later star has then the most to choose from.
            let most = if piece.after_star { name.iter().position(|&b| b == b'/').unwrap_or(name.len()) } else { 0 };
            let fits = |&skip: &usize| piece.rest(&name[skip..]).is_some_and(|rest| rest.is_empty() || !last);
            let Some(skip) = (0..=most).find(fits) else { return false };
            name = piece.rest(&name[skip..]).unwrap_or_default();
        }
        name.is_empty()
    }
}

impl Piece {
    /// What is left of `name` after this piece, if it stands at its beginning.
    fn rest<'n>(&self, mut name: &'n [u8]) -> Option<&'n [u8]> {
        for part in &self.parts {
            let (code, width) = first_char(name)?;
            let taken = match part {
                Part::Byte(byte) => (name[0] == *byte).then_some(1),
                Part::Any => (name[0] != b'/').then_some(width),
                Part::Class { outside, ranges } => {
                    let inside = ranges.iter().any(|&(low, high)| low <= code && code <= high);
                    (inside != *outside).then_some(width)
                }
            };
            name = &name[taken?..];
        }
        Some(name)
    }
}

/// The first character and its width in bytes; what is no UTF-8 is the replacement character and one byte wide.
fn first_char(bytes: &[u8]) -> Option<(u32, usize)> {
    if bytes.is_empty() {
        return None;
    }
    let whole = (1..=bytes.len().min(4)).find_map(|n| std::str::from_utf8(&bytes[..n]).ok());
    let char = whole.and_then(|text| text.chars().next());
    Some(char.map_or((char::REPLACEMENT_CHARACTER.into(), 1), |c| (c.into(), c.len_utf8())))
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut piece = Piece { after_star: false, parts: Vec::new() };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                if !piece.parts.is_empty() {
                    pieces.push(std::mem::replace(&mut piece, Piece { after_star: true, parts: Vec::new() }));
                }
                piece.after_star = true;
            }
            '?' => piece.parts.push(Part::Any),
            '[' => piece.parts.push(class(&mut chars)?),
            _ => {
                let c = if c == '\\' { chars.next()? } else { c };
                piece.parts.extend(c.encode_utf8(&mut [0; 4]).bytes().map(Part::Byte));
            }
        }
    }
    if piece.after_star || !piece.parts.is_empty() {
        pieces.push(piece);
    }
    Some(pieces)
}

/// A class from behind its `[` to its `]`.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Part> {
    let outside = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
        let low = class_char(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { low };
        ranges.push((low, high));
    }
    Some(Part::Class { outside, ranges })
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<u32> {
    let c = match chars.next()? {
        '-' | ']' => return None,
        '\\' => chars.next()?,
        c => c,
    };
    // The class must go on: an end of the text here is an open class.
    chars.peek()?;
    Some(c.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pattern name` pairs; the answers are those of `path.Match` of Go 1.26.
    const MATCHES: &[(&str, &str)] = &[
        ("", ""),
        ("abc", "abc"),
        ("*", ""),
        ("*", "abc"),
        ("*c", "abc"),
        ("a*", "a"),
        ("a*", "abc"),
        ("a**b", "axxb"),
        ("a*/b", "abc/b"),
        ("a*b*c*d*e*", "axbxcxdxexxx"),
        ("a*b?c*x", "abxbbxdbxebxczzx"),
        ("web.?.service", "web.1.service"),
        ("?", "é"),
        ("*?", "é"),
        ("ab[c]", "abc"),
        ("ab[b-d]", "abc"),
        ("ab[^e-g]", "abc"),
        ("app[0-9x-z]@*", "appy@1.service"),
        ("[é-ü]", "ö"),
        ("a\\*b", "a*b"),
        ("\\*", "*"),
        ("[\\-x]", "-"),
        ("[x\\-]", "-"),
        ("[\\]a]", "]"),
        ("[!a]", "!"),
        ("[*?]", "*"),
        ("[[]", "["),
        ("[^a]", "/"),
        ("[/]", "/"),
        ("a[^b]c", "a/c"),
        ("a]", "a]"),
        // Go skips bytes, not characters: the star ends inside the é.
        ("*[^é]", "é"),
    ];

    const DIFFERS: &[(&str, &str)] = &[
        ("", "a"),
        ("abc", "ab"),
        ("abc", "abcd"),
        ("bc", "abc"),
        ("*", "a/b"),
        ("a*", "ab/c"),
        ("a*/b", "a/c/b"),
        ("*b", "a/b"),
        ("a?b", "a/b"),
        ("a?b", "aéxb"),
        ("?", ""),
        ("ab[^b-d]", "abc"),
        ("[^a]", ""),
        ("[b-a]", "a"),
        ("[!a]", "b"),
        ("a\\*b", "axb"),
        ("a*b?c*x", "abxbbxdbxebxczzy"),
        ("p.service q.service", "p.service"),
        ("A", "a"),
    ];

    const MALFORMED: &[&str] = &[
        "[]a]", "[-]", "[-x]", "[a-]", "[a-b-c]", "[x-]", "[", "[^", "[^bc", "a[", "*[", "[x]*[", "a\\", "[a\\", "[]",
    ];

    #[test]
    fn patterns_are_those_of_go() {
        for (pattern, name) in MATCHES {
            assert!(Pattern::new(*pattern).matches(name), "{pattern} matches {name}");
        }
        for (pattern, name) in DIFFERS {
            assert!(Pattern::new(*pattern).is_well_formed(), "{pattern}");
            assert!(!Pattern::new(*pattern).matches(name), "{pattern} does not match {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_matches_nothing() {
        for text in MALFORMED {
            let pattern = Pattern::new(*text);
            assert!(!pattern.is_well_formed(), "{text}");
            for name in ["", "a", "-", "]", "x", "b", text] {
                assert!(!pattern.matches(name), "{text} {name}");
            }
        }
    }
}
