//! Pages: templates in which every value is escaped; only our own charts, scripts and data, which escape for themselves, go in
//! as they are. A browser runs what the page has inside and nothing else: its policy names each script and style by its hash.

use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::inline::with_policy;

/// The templates: pages, and what they share.
const TEMPLATES: [(&str, &str); 5] = [
    ("report.html", include_str!("templates/report.html")),
    ("essay.html", include_str!("templates/essay.html")),
    ("reproduce.html", include_str!("templates/reproduce.html")),
    ("head.html", include_str!("templates/head.html")),
    ("style.css", include_str!("templates/style.css")),
];

/// The template of that name with `data` in it, ended by a line end.
pub fn render<T: Serialize>(name: &str, data: T) -> io::Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(io::Error::other)?;
    environment.set_syntax(syntax);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).map_err(io::Error::other)?;
    }
    let template = environment.get_template(name).map_err(io::Error::other)?;
    let mut text = template.render(Serde(data)).map_err(io::Error::other)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(with_policy(&text))
}
