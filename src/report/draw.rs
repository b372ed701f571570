//! Drawing for charts: a canvas over plotters' SVG backend that keeps to whole pixels, so that the bytes are the same
//! everywhere; colours that the colour-blind can tell apart; axes.
//!
//! plotters-svg escapes `<`, `>`, `&` and quotes in text (its `escape_and_push`); what it lets through and XML does not
//! (control characters, U+FFFE, U+FFFF) is made visible here.

use plotters::prelude::{
    DrawingBackend, FontStyle, IntoFont, IntoTextStyle, RGBColor, SVGBackend, ShapeStyle, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::text::shown;

pub mod axis;
pub mod heat;

/// Width of every chart.
pub const WIDTH: i32 = 960;
/// Blank at the left and right edge.
pub const MARGIN: i32 = 24;
/// Most panels of small multiples; more runs are named but not drawn.
pub const PANELS_MAX: usize = 6;

/// A colour.
pub type Ink = RGBColor;
/// The card on which charts stand, light so that they read on dark pages too.
pub const CARD: Ink = RGBColor(0xff, 0xff, 0xff);
/// Text.
pub const TEXT: Ink = RGBColor(0x1f, 0x29, 0x33);
/// Text of less weight.
pub const MUTED: Ink = RGBColor(0x52, 0x60, 0x6d);
/// Grid lines.
pub const GRID: Ink = RGBColor(0xd9, 0xde, 0xe4);
/// Empty plot.
pub const EMPTY: Ink = RGBColor(0xf5, 0xf7, 0xfa);
/// Runs, in order (Okabe and Ito's palette without its yellow, which is too light for lines).
const RUNS: [Ink; 7] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x22, 0x22, 0x22),
];

/// The colour of run `i`.
pub fn run_ink(i: usize) -> Ink {
    RUNS[i % RUNS.len()]
}

/// Where text stands relative to its point; always centred vertically.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Text begins at the point.
    Start,
    /// Text is centred on the point.
    Middle,
    /// Text ends at the point.
    End,
}

/// How text looks.
#[derive(Clone, Copy)]
pub struct Font {
    size: f64,
    bold: bool,
    ink: Ink,
}

/// Title of a chart.
pub const TITLE: Font = Font { size: 18.0, bold: true, ink: TEXT };
/// What stands below it.
pub const SUBTITLE: Font = Font { size: 13.0, bold: false, ink: MUTED };
/// Head of a panel.
pub const HEAD: Font = Font { size: 14.0, bold: true, ink: TEXT };
/// Everything else.
pub const LABEL: Font = Font { size: 12.0, bold: false, ink: TEXT };
/// Ticks.
pub const TICK: Font = Font { size: 12.0, bold: false, ink: MUTED };
/// Names in narrow rows.
pub const SMALL: Font = Font { size: 10.0, bold: false, ink: MUTED };

/// A chart being drawn.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

const IN_MEMORY: &str = "drawing into a string cannot fail";

impl Canvas<'_> {
    /// A filled rectangle.
    pub fn rect(&mut self, (x, y): (i32, i32), (w, h): (i32, i32), ink: Ink) {
        if w > 0 && h > 0 {
            self.backend.draw_rect((x, y), (x + w, y + h), &ink, true).expect(IN_MEMORY);
        }
    }

    /// A line through `points`.
    pub fn line(&mut self, points: Vec<(i32, i32)>, ink: Ink, width: u32) {
        let style = ShapeStyle { color: ink.into(), filled: false, stroke_width: width };
        self.backend.draw_path(points, &style).expect(IN_MEMORY);
    }

    /// A filled polygon.
    pub fn polygon(&mut self, points: Vec<(i32, i32)>, ink: Ink) {
        self.backend.fill_polygon(points, &ink).expect(IN_MEMORY);
    }

    /// Text at a point.
    pub fn text(&mut self, at: (i32, i32), anchor: Anchor, font: Font, text: &str) {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend divides sizes by 1.24.
        let text_style: TextStyle<'_> = ("sans-serif", font.size * 1.24)
            .into_font()
            .style(style)
            .into_text_style(&(WIDTH as u32, WIDTH as u32))
            .color(&font.ink)
            .pos(Pos::new(h_pos, VPos::Center));
        self.backend.draw_text(&shown(text, 400), &text_style, at).expect(IN_MEMORY);
    }

    /// Title and subtitle; returns the y below them.
    pub fn head(&mut self, title: &str, subtitle: &str) -> i32 {
        self.text((MARGIN, 26), Anchor::Start, TITLE, title);
        let mut y = 50;
        for line in wrapped(subtitle, 140) {
            self.text((MARGIN, y), Anchor::Start, SUBTITLE, &line);
            y += 18;
        }
        y
    }

    /// A legend on as many lines as it needs; returns the y below it.
    pub fn legend(&mut self, y: i32, entries: &[(Ink, String)]) -> i32 {
        let places = legend_places(entries.iter().map(|(_, name)| name.as_str()));
        for ((ink, name), (x, row)) in entries.iter().zip(&places) {
            let y = y + 6 + LEGEND_ROW * row;
            self.rect((*x, y - 6), (12, 12), *ink);
            self.text((x + 18, y), Anchor::Start, LABEL, &shown(name, LEGEND_NAME));
        }
        y + 6 + LEGEND_ROW * (places.last().map_or(0, |(_, row)| *row) + 1)
    }

    /// A sentence in the middle of a plot that has nothing to show.
    pub fn nothing(&mut self, y: i32, text: &str) {
        self.text((WIDTH / 2, y), Anchor::Middle, SUBTITLE, text);
    }
}

/// Height of a row of a legend.
const LEGEND_ROW: i32 = 20;
/// Most characters of a name in it.
const LEGEND_NAME: usize = 40;

/// Where the entries of a legend stand: x, and the row.
fn legend_places<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(i32, i32)> {
    let (mut x, mut row) = (MARGIN, 0);
    let place = |name: &str| {
        let width = 18 + text_width(&shown(name, LEGEND_NAME), LABEL.size) + 20;
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, row) = (MARGIN, row + 1);
        }
        let at = (x, row);
        x += width;
        at
    };
    names.map(place).collect()
}

/// Height of a legend of these names, as [`Canvas::legend`] draws it.
pub fn legend_height<'a>(names: impl Iterator<Item = &'a str>) -> i32 {
    6 + LEGEND_ROW * (legend_places(names).last().map_or(0, |(_, row)| *row) + 1)
}

/// Height of title and subtitle, as [`Canvas::head`] draws them.
pub fn head_height(subtitle: &str) -> i32 {
    50 + 18 * wrapped(subtitle, 140).len() as i32
}

/// Roughly how wide `text` is; there are no fonts to ask.
pub fn text_width(text: &str, size: f64) -> i32 {
    (text.chars().count() as f64 * size * 0.56).ceil() as i32
}

/// `text` in lines of at most `max` characters where blanks allow.
fn wrapped(text: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// A chart `height` high, with title and description for those who cannot see it. `crisp` is for pictures of many
/// touching cells, between which smoothing would leave seams.
pub fn svg(height: i32, title: &str, description: &str, crisp: bool, draw: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut text = String::new();
    {
        let mut canvas = Canvas { backend: SVGBackend::with_string(&mut text, (WIDTH as u32, height.max(1) as u32)) };
        canvas.rect((0, 0), (WIDTH, height), CARD);
        draw(&mut canvas);
        canvas.backend.present().expect(IN_MEMORY);
    }
    // The backend's own root knows neither role nor title. Its constant attributes say what is so by default; without
    // them pictures are half as long. In text a quote is `&quot;`, so only attributes match.
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    let body = body
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" \"/>", "\"/>");
    let rendering = if crisp { " shape-rendering=\"crispEdges\"" } else { "" };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" font-family=\"Helvetica, Arial, sans-serif\"{rendering}>\n<title>{}</title>\n<desc>{}</desc>\n{body}",
        escaped(title),
        escaped(description),
    )
}

fn escaped(text: &str) -> String {
    shown(text, 1000).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
