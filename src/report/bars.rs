//! Bars: one value a run.

use crate::report::draw::axis::top_of;
use crate::report::draw::{Anchor, EMPTY, LABEL, MARGIN, WIDTH, head_height, run_ink, svg};
use crate::report::text::shown;

/// A bar.
#[derive(Clone, PartialEq, Debug)]
pub struct Bar {
    /// Whose.
    pub name: String,
    /// How long.
    pub value: f64,
    /// What stands beside it.
    pub text: String,
}

const LEFT: i32 = 300;
const BAR: i32 = 22;
const PLOT_WIDTH: i32 = WIDTH - LEFT - MARGIN - 110;

/// The picture.
pub fn bars(title: &str, unit: &str, rows: &[Bar]) -> String {
    let subtitle = if unit.is_empty() { "A bar a run.".to_owned() } else { format!("A bar a run, {unit}.") };
    let top = head_height(&subtitle) + 8;
    let height = top + BAR * rows.len().max(1) as i32 + 16;
    let most = top_of(rows.iter().map(|bar| bar.value).fold(0.0, f64::max));
    svg(height, title, &subtitle, false, |canvas| {
        canvas.head(title, &subtitle);
        canvas.rect((LEFT, top), (PLOT_WIDTH, BAR * rows.len() as i32), EMPTY);
        for (i, bar) in rows.iter().enumerate() {
            let y = top + BAR * i as i32;
            let length = (bar.value / most * f64::from(PLOT_WIDTH)).round() as i32;
            canvas.text((LEFT - 10, y + BAR / 2), Anchor::End, LABEL, &shown(&bar.name, 44));
            canvas.rect((LEFT, y + 3), (length.max(i32::from(bar.value > 0.0)), BAR - 6), run_ink(i));
            canvas.text((LEFT + length + 8, y + BAR / 2), Anchor::Start, LABEL, &bar.text);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn bars_are_well_formed_whatever_they_hold() {
        let bar = |name: &str, value| Bar { name: name.into(), value, text: value.to_string() };
        for rows in [vec![], vec![bar("a", 0.0)], fixture::HOSTILE.iter().map(|name| bar(name, 3.0)).collect()] {
            let text = bars("t", "seconds", &rows);
            fixture::check_xml(&text);
            assert!(!text.contains("NaN") && !text.contains("<img"));
        }
    }
}
