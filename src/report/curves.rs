//! Curves over whole per cents: lines with a legend, and marks where somebody else published a value.
//!
//! Not a chart of an experiment (those are rows of [`CHARTS`](crate::report::CHARTS)): the caller gives the values.

use crate::report::draw::{
    Anchor, Canvas, EMPTY, GRID, HEAD, Ink, MARGIN, MUTED, TICK, WIDTH, head_height, legend_height, run_ink, svg,
};
use crate::report::figures::number;

/// A line.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Points in order of x; only finite ones are drawn.
    pub points: Vec<(f64, f64)>,
    /// Published values, drawn as diamonds of the line's colour.
    pub marks: Vec<(f64, f64)>,
}

/// A rectangle of lines; a line has the colour of its place in every panel.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Panel {
    /// What is drawn, with its unit.
    pub head: String,
    /// What the x axis counts, in percent.
    pub along: String,
    /// Edges of the x axis, percent.
    pub x: (f64, f64),
    /// Edges of the y axis, percent.
    pub y: (f64, f64),
    /// The lines.
    pub lines: Vec<Line>,
}

/// Colours that can be told apart; lines beyond them are dashed.
const INKS: usize = 7;
const LEFT: i32 = 84;
const PLOT_HEIGHT: i32 = 240;
const PANEL: i32 = PLOT_HEIGHT + 88;

/// Draws `panels` one below the other.
pub fn draw(title: &str, subtitle: &str, panels: &[Panel]) -> String {
    let mut legend: Vec<(Ink, String)> = Vec::new();
    for (i, line) in panels.iter().flat_map(|panel| panel.lines.iter().enumerate()) {
        if i >= legend.len() {
            let dashed = if i >= INKS { " (dashed)" } else { "" };
            legend.push((run_ink(i), format!("{}{dashed}", line.name)));
        }
    }
    let top = head_height(subtitle) + legend_height(legend.iter().map(|(_, name)| name.as_str())) + 14;
    svg(top + PANEL * panels.len() as i32, title, subtitle, false, |canvas| {
        let y = canvas.head(title, subtitle);
        canvas.legend(y, &legend);
        for (i, panel) in panels.iter().enumerate() {
            draw_panel(canvas, panel, top + PANEL * i as i32);
        }
    })
}

/// Values to pixels.
struct Scale {
    from: f64,
    to: f64,
    low: i32,
    length: i32,
}

impl Scale {
    fn of(&self, value: f64) -> i32 {
        let part = if self.to > self.from { (value - self.from) / (self.to - self.from) } else { 0.0 };
        self.low + (part.clamp(0.0, 1.0) * f64::from(self.length)).round() as i32
    }

    fn holds(&self, value: f64) -> bool {
        value.is_finite() && value >= self.from && value <= self.to
    }

    /// Round values, at most fourteen of them.
    fn ticks(&self) -> Vec<f64> {
        let length = self.to - self.from;
        let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0].into_iter().find(|step| length / step <= 13.0);
        let step = step.unwrap_or(length / 10.0);
        if !(step.is_finite() && step > 0.0) {
            return Vec::new();
        }
        let first = (self.from / step).ceil();
        (0..14).map(|i| (first + f64::from(i)) * step).filter(|value| self.holds(*value)).collect()
    }
}

fn draw_panel(canvas: &mut Canvas<'_>, panel: &Panel, y: i32) {
    canvas.text((MARGIN, y + 8), Anchor::Start, HEAD, &panel.head);
    let (top, width) = (y + 32, WIDTH - LEFT - MARGIN);
    let bottom = top + PLOT_HEIGHT;
    let across = Scale { from: panel.x.0, to: panel.x.1, low: LEFT, length: width };
    let up = Scale { from: panel.y.0, to: panel.y.1, low: bottom, length: -PLOT_HEIGHT };
    canvas.rect((LEFT, top), (width, PLOT_HEIGHT), EMPTY);
    for value in up.ticks() {
        let y = up.of(value);
        canvas.line(vec![(LEFT, y), (LEFT + width, y)], GRID, 1);
        canvas.text((LEFT - 8, y), Anchor::End, TICK, &format!("{} %", number(value)));
    }
    for value in across.ticks() {
        let x = across.of(value);
        canvas.line(vec![(x, bottom), (x, bottom + 4)], MUTED, 1);
        canvas.text((x, bottom + 14), Anchor::Middle, TICK, &format!("{} %", number(value)));
    }
    canvas.text((LEFT + width / 2, bottom + 34), Anchor::Middle, TICK, &panel.along);
    let mut nothing = true;
    for (i, line) in panel.lines.iter().enumerate() {
        let inside = |(x, y): &&(f64, f64)| across.holds(*x) && up.holds(*y);
        let mut points: Vec<(i32, i32)> =
            line.points.iter().filter(inside).map(|(x, y)| (across.of(*x), up.of(*y))).collect();
        points.dedup();
        nothing &= points.is_empty();
        if i < INKS {
            // The first lines are the widest, so that equal ones are all seen.
            canvas.line(points, run_ink(i), 2 + (panel.lines.len().min(INKS) - 1 - i).min(4) as u32 / 2);
        } else {
            for dash in points.chunks(4).filter(|dash| dash.len() > 1) {
                canvas.line(dash[..dash.len().min(3)].to_vec(), run_ink(i), 2);
            }
        }
    }
    for (i, line) in panel.lines.iter().enumerate() {
        for (x, y) in line.marks.iter().filter(|(x, y)| across.holds(*x) && up.holds(*y)) {
            let (x, y) = (across.of(*x), up.of(*y));
            let diamond = |r: i32| vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
            canvas.polygon(diamond(7), EMPTY);
            canvas.polygon(diamond(5), run_ink(i));
        }
    }
    if nothing {
        canvas.nothing(top + PLOT_HEIGHT / 2, "There is nothing to draw here.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn curves_are_well_formed_whatever_the_values() {
        let hostile = Line {
            name: "<a> & \u{202e}b".into(),
            points: vec![(0.0, f64::NAN), (f64::INFINITY, 1.0), (-5.0, 3.0), (5.0, 1e300)],
            marks: vec![(f64::NAN, 0.0), (5.0, 5.0)],
        };
        let plain = |i: u32| Line {
            name: format!("policy {i}"),
            points: (0..=130).map(|x| (f64::from(x), f64::from(x.min(70 + i)))).collect(),
            marks: vec![(80.0, 70.0)],
        };
        let panel = |lines: Vec<Line>, x, y| Panel { head: "Share".into(), along: "Arrived".into(), x, y, lines };
        for panels in [
            Vec::new(),
            vec![panel(vec![], (0.0, 0.0), (0.0, 0.0))],
            vec![panel(vec![hostile], (0.0, 10.0), (0.0, 10.0))],
            vec![
                panel((0..11).map(plain).collect(), (0.0, 130.0), (0.0, 100.0)),
                panel(vec![plain(0)], (f64::NAN, 1.0), (2.0, 1.0)),
            ],
        ] {
            let text = draw("Curves", "What they are.", &panels);
            fixture::check_xml(&text);
            assert!(text.starts_with("<svg ") && !text.contains("NaN"), "{text}");
            assert_eq!(text.contains("policy 10 (dashed)"), panels.len() == 2);
        }
    }
}
