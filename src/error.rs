//! The one error type of the library: where, what was found, what would do.
//!
//! A kind decides the exit code; the text says the rest. Nothing here prints.

use std::fmt;
use std::path::PathBuf;

/// What went wrong, as far as a caller must tell cases apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The work could not be finished, or a check was not met (exit 1).
    Failed,
    /// The command line makes no sense (exit 2).
    Usage,
    /// A file or a value read from outside cannot be used (exit 3).
    Input,
    /// A budget was exceeded; the message names the flag that raises it (exit 3).
    Budget,
    /// The user stopped the run (exit 130).
    Interrupted,
}

/// An error with its place. One word wide.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    file: Option<PathBuf>,
    line: Option<u64>,
    column: Option<u64>,
    field: Option<String>,
    message: String,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message` (no trailing period, no "error:" in front).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, file: None, line: None, column: None, field: None, message: message.into() }))
    }

    /// [`ErrorKind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// [`ErrorKind::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// [`ErrorKind::Budget`]: `what` came to `found`, over `limit`; `flag` raises it.
    pub fn budget(what: &str, found: impl fmt::Display, limit: impl fmt::Display, flag: &str) -> Self {
        Self::new(ErrorKind::Budget, format!("{found} {what} is over the budget of {limit}; raise it with {flag}"))
    }

    /// Adds the file, unless one is named already.
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.0.file.get_or_insert_with(|| file.into());
        self
    }

    /// Adds the line (1-based), unless one is named already.
    pub fn at_line(mut self, line: u64) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    /// Adds line and column (1-based), unless a line is named already.
    pub fn at(mut self, line: u64, column: u64) -> Self {
        if self.0.line.is_none() {
            self.0.line = Some(line);
            self.0.column = Some(column);
        }
        self
    }

    /// Adds the field (column name or key path), unless one is named already.
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        self.0.field.get_or_insert_with(|| field.into());
        self
    }

    /// The file, if one is named.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.0.file.as_deref()
    }

    /// The field, if one is named.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The documented exit code: 1 failed, 2 usage, 3 input or budget, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self.0.kind {
            ErrorKind::Failed => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Input | ErrorKind::Budget => 3,
            ErrorKind::Interrupted => 130,
        }
    }

    /// The message without its place.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &self.0;
        if let Some(file) = &e.file {
            write!(f, "{}:", visible(&file.display().to_string()))?;
        }
        if let Some(line) = e.line {
            if e.file.is_none() {
                write!(f, "line ")?;
            }
            write!(f, "{line}:")?;
            if let Some(column) = e.column {
                write!(f, "{column}:")?;
            }
        }
        if e.file.is_some() || e.line.is_some() {
            write!(f, " ")?;
        }
        if let Some(field) = &e.field {
            write!(f, "{}: ", visible(field))?;
        }
        write!(f, "{}", visible(&e.message))
    }
}

impl std::error::Error for Error {}

/// `text` with control characters and bidirectional marks made visible, so that a name read from a file can
/// neither move the cursor of a terminal nor turn a line around. Line breaks stay.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let bidi =
            matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n') || bidi {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The entry of `names` that `found` was probably meant to be: at most a third of its letters differ.
pub fn did_you_mean<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (edit_distance(found, name), name))
        .filter(|(distance, name)| {
            let longest = name.chars().count().max(found.chars().count());
            *distance * 3 <= longest || (found.len() >= 3 && name.starts_with(found))
        })
        .min_by_key(|(distance, name)| (*distance, name.len()))
        .map(|(_, name)| name)
}

/// `unknown WHAT "FOUND"` with a suggestion and the names that would do.
pub fn unknown_name(what: &str, found: &str, names: &[&str]) -> String {
    let hint = match did_you_mean(found, names.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("known: {}", names.join(", ")),
    };
    format!("unknown {what} \"{found}\"; {hint}")
}

/// Levenshtein distance over characters; names longer than 64 characters are never close.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.chars().count() > 64 || b.len() > 64 {
        return usize::MAX / 8;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_field_and_what_would_do() {
        let error = Error::input("\"two\" is not a CPU quantity (try 500m or 2)").in_field("cpu_request").at_line(118);
        assert_eq!(
            error.in_file("web.csv").to_string(),
            "web.csv:118: cpu_request: \"two\" is not a CPU quantity (try 500m or 2)"
        );
    }

    #[test]
    fn escape_sequences_in_a_name_are_shown_not_sent() {
        assert_eq!(Error::input("host \"\u{1b}[2J\"").to_string(), "host \"\\u{1b}[2J\"");
    }

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_lists_what_is_known() {
        assert_eq!(did_you_mean("kubernets", ["chef", "fleet", "kubernetes"]), Some("kubernetes"));
        assert_eq!(did_you_mean("kube", ["chef", "fleet", "kubernetes"]), Some("kubernetes"));
        assert_eq!(
            unknown_name("orchestrator", "x", &["chef", "fleet"]),
            "unknown orchestrator \"x\"; known: chef, fleet"
        );
    }
}
