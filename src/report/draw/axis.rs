//! Axes: where ticks go, and time and values to pixels.

use super::{Anchor, Canvas, EMPTY, GRID, TICK};
use crate::report::figures::number;
use crate::units::{SECOND_US, SimDuration, SimTime};

/// A rectangle in which values are drawn over time.
#[derive(Clone, Copy)]
pub struct Plot {
    /// Left edge.
    pub left: i32,
    /// Top edge.
    pub top: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
    /// The time at the left edge.
    pub from: SimTime,
    /// The time at the right edge.
    pub to: SimTime,
    /// The value at the top edge; 0 is at the bottom.
    pub most: f64,
}

impl Plot {
    /// The x of `at`.
    pub fn x(&self, at: SimTime) -> i32 {
        let length = self.to.0.saturating_sub(self.from.0).max(1) as f64;
        let part = (at.0.saturating_sub(self.from.0) as f64 / length).clamp(0.0, 1.0);
        self.left + (part * f64::from(self.width)).round() as i32
    }

    /// The y of `value`.
    pub fn y(&self, value: f64) -> i32 {
        let part = if value.is_finite() && self.most > 0.0 { (value / self.most).clamp(0.0, 1.0) } else { 0.0 };
        self.top + self.height - (part * f64::from(self.height)).round() as i32
    }

    /// Background, horizontal grid and the labels of values, each with `suffix`.
    pub fn values(&self, canvas: &mut Canvas<'_>, suffix: &str) {
        canvas.rect((self.left, self.top), (self.width, self.height), EMPTY);
        let step = self.most / 4.0;
        for i in 0..=4 {
            let value = step * f64::from(i);
            let y = self.y(value);
            canvas.line(vec![(self.left, y), (self.left + self.width, y)], GRID, 1);
            canvas.text((self.left - 8, y), Anchor::End, TICK, &format!("{}{suffix}", number(value)));
        }
    }

    /// Ticks and labels of time below the plot.
    pub fn times(&self, canvas: &mut Canvas<'_>) {
        let bottom = self.top + self.height;
        let step = time_step(self.to.0.saturating_sub(self.from.0));
        let mut at = self.from.0.div_ceil(step) * step;
        while at <= self.to.0 {
            let x = self.x(SimTime(at));
            canvas.line(vec![(x, bottom), (x, bottom + 4)], TICK.ink, 1);
            canvas.text((x, bottom + 14), Anchor::Middle, TICK, &SimDuration(at).to_string());
            at += step;
        }
    }
}

/// A top for an axis that holds `most` and divides into four: 4, 8, 20 or 40 times a power of ten.
pub fn top_of(most: f64) -> f64 {
    if !(most.is_finite() && most > 0.0) {
        return 1.0;
    }
    // Powers of ten by multiplication: `powf` may differ in the last bit between platforms.
    let mut unit = 1.0;
    while unit * 10.0 <= most {
        unit *= 10.0;
    }
    while unit > most {
        unit /= 10.0;
    }
    [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|m| m * unit)
        .find(|top| *top >= most)
        .unwrap_or(most)
}

/// The shortest round step that gives at most eight ticks in `length_us`.
fn time_step(length_us: u64) -> u64 {
    const STEPS: [u64; 22] = [
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1_800,
        3_600,
        7_200,
        10_800,
        21_600,
        43_200,
        86_400,
        2 * 86_400,
        5 * 86_400,
        10 * 86_400,
        20 * 86_400,
    ];
    let enough = |step: &u64| length_us / step <= 8;
    let below = [1, 2, 5].into_iter().flat_map(|m| (0..6).map(move |p| m * 10u64.pow(p)));
    let mut small: Vec<u64> = below.filter(|step| *step < SECOND_US).collect();
    small.sort_unstable();
    small
        .into_iter()
        .chain(STEPS.map(|s| s * SECOND_US))
        .find(enough)
        .unwrap_or_else(|| length_us.div_ceil(8).div_ceil(86_400 * SECOND_US) * 86_400 * SECOND_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (length, step) in
            [(0, 1), (9, 2), (60 * SECOND_US, 10 * SECOND_US), (86_400 * SECOND_US, 10_800 * SECOND_US)]
        {
            assert_eq!(time_step(length), step, "{length}");
        }
        assert!(u64::MAX / time_step(u64::MAX) <= 8);
        for (most, top) in [(0.0, 1.0), (1.0, 1.0), (0.03, 0.032), (37.0, 40.0), (f64::NAN, 1.0), (12.0, 12.0)] {
            assert!((top_of(most) - top).abs() < 1e-9, "{most}");
        }
    }
}
