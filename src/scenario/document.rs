//! The YAML documents of one file: one of them is the scenario, the others are Kubernetes manifests.
//!
//! A file is cut into its documents as text, so that errors keep the lines of the file and a resolved scenario can carry
//! its manifests word for word. What is in a manifest is none of this module's business.

/// A document as it stands in its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// The line of the file (1-based) in which its text begins.
    pub line: u32,
    /// Its text with the `---` before it, if there is one, and the line break at its end.
    pub text: String,
}

impl Document {
    /// Whether the document reaches over `line`.
    pub(super) fn holds(&self, line: u32) -> bool {
        self.line <= line && line - self.line < self.text.lines().count() as u32
    }
}

/// Whether a line is the marker `mark`: YAML sees one wherever it stands at a line's beginning, inside scalars too.
fn is_marker(line: &str, mark: &str) -> bool {
    line.trim_start_matches('\u{feff}')
        .strip_prefix(mark)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a line says anything: neither blank nor a comment, a directive or a bare marker.
fn speaks(line: &str) -> bool {
    let text = line.trim_start_matches('\u{feff}');
    let text = if is_marker(text, "---") { &text[3..] } else { text };
    !text.trim().is_empty() && !text.trim_start().starts_with('#') && !text.starts_with('%') && !is_marker(text, "...")
}

/// Cuts `text` into its documents; those that say nothing are left out.
pub(super) fn documents(text: &str) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    let mut current = Document { line: 1, text: String::new() };
    // A comment or a directive before `---` belongs to the document behind it.
    let (mut marked, mut spoken) = (false, false);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let at = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let begins = is_marker(line, "---");
        if begins && (marked || spoken) {
            let done = std::mem::replace(&mut current, Document { line: at, text: String::new() });
            all.extend(Some(done).filter(|_| spoken));
            spoken = false;
        }
        marked |= begins;
        spoken |= speaks(line);
        current.text.push_str(line);
        if is_marker(line, "...") {
            let done = std::mem::replace(&mut current, Document { line: at.saturating_add(1), text: String::new() });
            all.extend(Some(done).filter(|_| spoken));
            (marked, spoken) = (false, false);
        }
    }
    all.extend(Some(current).filter(|_| spoken));
    for document in &mut all {
        if !document.text.ends_with('\n') {
            document.text.push('\n');
        }
    }
    all
}

/// `documents` as one text in which everything stands in the lines it has in the file.
pub(super) fn in_place(documents: &[Document]) -> String {
    let (mut text, mut line) = (String::new(), 1);
    for document in documents {
        while line < document.line {
            text.push('\n');
            line += 1;
        }
        text.push_str(&document.text);
        line += document.text.lines().count() as u32;
    }
    text
}

/// `documents` word for word, each behind a `---`.
pub(super) fn verbatim(documents: &[Document]) -> String {
    let mut text = String::new();
    for document in documents {
        if !document.text.lines().any(|line| is_marker(line, "---")) {
            text.push_str("---\n");
        }
        text.push_str(document.text.trim_start_matches('\u{feff}'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(u32, String)> {
        documents(text).into_iter().map(|d| (d.line, d.text)).collect()
    }

    #[test]
    fn documents_keep_their_lines_and_their_words() {
        let text = "# about a\na: 1\n--- # second\nb: |\n  x\n  ---\n\n--- {c: 3}\n---\n# nothing\n";
        let want = [(1, "# about a\na: 1\n"), (3, "--- # second\nb: |\n  x\n  ---\n\n"), (8, "--- {c: 3}\n")];
        assert_eq!(cut(text), want.map(|(line, text)| (line, text.to_string())));
        let all = documents(text);
        assert_eq!(in_place(&all[1..]), format!("\n\n{}{}", all[1].text, all[2].text));
        assert_eq!(verbatim(&all), format!("---\n{}{}{}", all[0].text, all[1].text, all[2].text));
        assert!(all[1].holds(3) && all[1].holds(7) && !all[1].holds(8));
    }

    #[test]
    fn directives_and_comments_belong_to_what_follows_and_dots_end_a_document() {
        let text = "# head\n%YAML 1.2\n---\na: 1\n...\n# next\nb: 2";
        let want = [(1, "# head\n%YAML 1.2\n---\na: 1\n...\n"), (6, "# next\nb: 2\n")];
        assert_eq!(cut(text), want.map(|(line, text)| (line, text.to_string())));
        assert_eq!(cut(" \n# only words\n---\n"), []);
        assert_eq!(cut("\u{feff}---\r\na: 1\r\n---\r\nb: 1\r\n").len(), 2);
    }
}
