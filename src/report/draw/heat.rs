//! Heat maps of hosts over time, one panel a run: load over capacity, with the Plimsoll line at 100 %.
//!
//! Up to the line cells go from near white to blue, above it from orange to dark red: two hues that all common forms
//! of colour blindness keep apart, and both get darker with load. A thrashing host is black, a host that is not there
//! is grey with a zigzag.

use super::axis::Plot;
use super::{
    Anchor, Canvas, EMPTY, HEAD, Ink, LABEL, MARGIN, MUTED, PANELS_MAX, SMALL, TEXT, TICK, WIDTH, head_height, svg,
};
use crate::experiment::{Experiment, HostTrack, Record, TrackBucket};
use crate::report::figures::thousands;
use crate::report::text::shown;
use crate::units::SimTime;
use plotters::prelude::RGBColor;

/// Most rows of a panel; more hosts share rows.
const ROWS_MAX: usize = 60;
/// Most columns of a panel.
const COLUMNS_MAX: usize = 200;
/// Most pieces (neighbours of one colour) of a chart: about 32 bytes each keep the page below a megabyte.
const PIECES_MAX: usize = 8_000;

const LEFT: i32 = 150;
const PLOT_WIDTH: i32 = WIDTH - LEFT - MARGIN;

/// What a heat map shows.
pub struct HeatMap {
    /// Title.
    pub title: &'static str,
    /// What a cell is, in a sentence without a period.
    pub cell: &'static str,
    /// Load of a host in a stretch over its capacity.
    pub load: fn(&HostTrack, &TrackBucket) -> f64,
}

/// A cell, by what its colour says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    /// Nothing asked for.
    Idle,
    /// Step 0 to 7, each an eighth of the capacity.
    Below(u8),
    /// Step 0 to 4 above the line.
    Above(u8),
    Thrash,
    Away,
}

/// Upper ends of the steps above the line; the last is open.
const ABOVE: [f64; 4] = [1.1, 1.25, 1.5, 2.0];

impl Cell {
    fn of_load(load: f64) -> Cell {
        // The mean of a full stretch may come out a rounding error above 1.
        if load > 1.0 + 1e-9 {
            Cell::Above(ABOVE.iter().take_while(|end| load > **end).count() as u8)
        } else if load > 0.0 {
            Cell::Below(((load * 8.0).ceil() as u8).clamp(1, 8) - 1)
        } else {
            Cell::Idle
        }
    }

    fn ink(self) -> Ink {
        match self {
            Cell::Idle => EMPTY,
            Cell::Below(step) => {
                let mix = |from: i32, to: i32| (from + (to - from) * i32::from(step) / 7) as u8;
                RGBColor(mix(0xe1, 0x1d), mix(0xec, 0x5a), mix(0xf6, 0xa5))
            }
            Cell::Above(step) => [
                RGBColor(0xfd, 0xb0, 0x4e),
                RGBColor(0xf5, 0x82, 0x2a),
                RGBColor(0xdd, 0x52, 0x13),
                RGBColor(0xb0, 0x2a, 0x10),
                RGBColor(0x70, 0x0d, 0x0d),
            ][usize::from(step)],
            Cell::Thrash => RGBColor(0, 0, 0),
            Cell::Away => RGBColor(0xc4, 0xc9, 0xcf),
        }
    }
}

/// A run's cells, row by row.
struct Grid {
    names: Vec<String>,
    /// Column `i` is `edges[i]..edges[i + 1]`.
    edges: Vec<SimTime>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// The cells of `record` with `hosts_a_row` and `merged` stretches a column.
    fn new(record: &Record, load: fn(&HostTrack, &TrackBucket) -> f64, hosts_a_row: usize, merged: usize) -> Grid {
        let stretches = record.edges.len().saturating_sub(1);
        let mut edges: Vec<SimTime> = record.edges.iter().copied().take(stretches).step_by(merged).collect();
        edges.extend(record.edges.last());
        let groups: Vec<&[HostTrack]> = record.hosts.chunks(hosts_a_row).collect();
        let row = |group: &[HostTrack]| {
            (0..stretches).step_by(merged).map(|from| cell(group, from..(from + merged).min(stretches), load)).collect()
        };
        let name = |group: &[HostTrack]| match group {
            [one] => shown(&one.name, 22),
            [first, ..] => format!("{} +{}", shown(&first.name, 16), thousands((group.len() - 1) as f64)),
            [] => String::new(),
        };
        Grid {
            names: groups.iter().map(|group| name(group)).collect(),
            edges,
            rows: groups.iter().map(|group| row(group)).collect(),
        }
    }

    fn pieces(&self) -> usize {
        self.rows.iter().map(|row| row.chunk_by(|a, b| a == b).count()).sum()
    }
}

/// The worst that `group` shows in `stretches`: black if one thrashed, grey if half of them were away, else the
/// highest load.
fn cell(group: &[HostTrack], stretches: std::ops::Range<usize>, load: fn(&HostTrack, &TrackBucket) -> f64) -> Cell {
    let (mut highest, mut away, mut seen) = (0.0_f64, 0, 0);
    for host in group {
        for bucket in host.buckets.get(stretches.clone()).unwrap_or_default() {
            if bucket.thrash >= 0.5 {
                return Cell::Thrash;
            }
            seen += 1;
            away += usize::from(bucket.up < 0.5);
            let load = load(host, bucket);
            if load.is_finite() {
                highest = highest.max(load);
            }
        }
    }
    if seen > 0 && away * 2 >= seen { Cell::Away } else { Cell::of_load(highest) }
}

/// Draws `map` for all runs that have a record.
pub fn draw(experiment: &Experiment, map: &HeatMap) -> String {
    let recorded: Vec<(&str, &Record)> =
        experiment.runs.iter().filter_map(|run| Some((run.label.name.as_str(), run.record.as_ref()?))).collect();
    let panels = &recorded[..recorded.len().min(PANELS_MAX)];
    let hosts = panels.iter().map(|(_, record)| record.hosts.len()).max().unwrap_or(0);
    let stretches = panels.iter().map(|(_, record)| record.edges.len().saturating_sub(1)).max().unwrap_or(0);
    let hosts_a_row = hosts.div_ceil(ROWS_MAX).max(1);
    let mut merged = stretches.div_ceil(COLUMNS_MAX).max(1);
    let grids = |merged| -> Vec<Grid> {
        panels.iter().map(|(_, record)| Grid::new(record, map.load, hosts_a_row, merged)).collect()
    };
    let mut shown_grids = grids(merged);
    while shown_grids.iter().map(Grid::pieces).sum::<usize>() > PIECES_MAX && merged < stretches {
        merged *= 2;
        shown_grids = grids(merged);
    }

    let mut subtitle = format!("{}; the Plimsoll line is at 100 %.", map.cell);
    if hosts_a_row > 1 {
        subtitle.push_str(&format!(
            " {} hosts share rows, up to {} a row: the fullest is shown, black if one thrashes, grey if half are away.",
            thousands(hosts as f64),
            thousands(hosts_a_row as f64)
        ));
    }
    if merged > 1 {
        subtitle.push_str(&format!(" A column is the worst of {merged} stretches."));
    }
    if recorded.len() > panels.len() {
        subtitle.push_str(&format!(" The first {} of {} runs.", panels.len(), recorded.len()));
    }
    let rows = shown_grids.iter().map(|grid| grid.rows.len()).max().unwrap_or(0).max(1) as i32;
    let row_height = (420 / rows).clamp(7, 18);
    let top = head_height(&subtitle) + 62;
    let panel = |grid: &Grid| 26 + row_height * grid.rows.len().max(2) as i32 + 30;
    let height = top + shown_grids.iter().map(panel).sum::<i32>().max(60) + 6;
    svg(height, map.title, &subtitle, true, |canvas| {
        let y = canvas.head(map.title, &subtitle);
        scale(canvas, y);
        let mut y = top;
        for (grid, (name, _)) in shown_grids.iter().zip(panels) {
            draw_panel(canvas, grid, name, y, row_height);
            y += panel(grid);
        }
        if panels.is_empty() {
            canvas.nothing(top + 20, "No run was recorded, so there is nothing to show.");
        }
    })
}

fn draw_panel(canvas: &mut Canvas<'_>, grid: &Grid, name: &str, y: i32, row_height: i32) {
    canvas.text((MARGIN, y + 10), Anchor::Start, HEAD, &shown(name, 60));
    let top = y + 24;
    let (from, to) = (grid.edges.first().copied().unwrap_or_default(), grid.edges.last().copied().unwrap_or_default());
    let height = row_height * grid.rows.len() as i32;
    let plot = Plot { left: LEFT, top, width: PLOT_WIDTH, height, from, to, most: 1.0 };
    if grid.rows.is_empty() || from >= to {
        canvas.nothing(top + row_height, "No time passed.");
        return;
    }
    canvas.rect((LEFT, top), (PLOT_WIDTH, height), EMPTY);
    // Labels need 12 pixels.
    let labels_every = if row_height >= 12 { 1 } else { 2 };
    for (i, (row, name)) in grid.rows.iter().zip(&grid.names).enumerate() {
        let y = top + row_height * i as i32;
        if i % labels_every == 0 {
            let font = if row_height >= 13 { TICK } else { SMALL };
            canvas.text((LEFT - 8, y + row_height / 2), Anchor::End, font, name);
        }
        draw_row(canvas, &plot, &grid.edges, row, (y, row_height));
    }
    plot.times(canvas);
}

/// One polygon a colour: up and down over each piece, along the row's lower edge between pieces, where it has no area.
fn draw_row(canvas: &mut Canvas<'_>, plot: &Plot, edges: &[SimTime], row: &[Cell], (y, height): (i32, i32)) {
    let mut outlines: Vec<(Cell, Vec<(i32, i32)>)> = Vec::new();
    let mut zigzags: Vec<Vec<(i32, i32)>> = Vec::new();
    // A pixel of card between rows, where rows are high enough to spare it.
    let bottom = y + height - i32::from(height >= 9);
    let mut i = 0;
    for piece in row.chunk_by(|a, b| a == b) {
        let (left, right) = (plot.x(edges[i]), plot.x(edges[i + piece.len()]));
        i += piece.len();
        let cell = piece[0];
        if cell == Cell::Idle || left == right {
            continue;
        }
        let corners = [(left, bottom), (left, y), (right, y), (right, bottom)];
        match outlines.iter_mut().find(|(seen, _)| *seen == cell) {
            Some((_, points)) => points.extend(corners),
            None => outlines.push((cell, corners.into())),
        }
        if cell == Cell::Away && right - left > 2 {
            let step = (height - 2).max(4);
            let peaks = (left..right).step_by(step as usize).enumerate();
            zigzags.push(peaks.map(|(i, x)| (x, if i % 2 == 0 { bottom - 1 } else { y + 1 })).collect());
        }
    }
    for (cell, points) in outlines {
        canvas.polygon(points, cell.ink());
    }
    for points in zigzags.into_iter().filter(|points| points.len() > 1) {
        canvas.line(points, MUTED, 1);
    }
}

/// The scale, with the line between what fits and what does not.
fn scale(canvas: &mut Canvas<'_>, y: i32) {
    let (box_width, top, height) = (34, y + 4, 14);
    let mut x = MARGIN;
    let tick = |canvas: &mut Canvas<'_>, x: i32, text: &str| {
        canvas.text((x, top + height + 10), Anchor::Middle, TICK, text);
    };
    for step in 0..8 {
        if step % 2 == 0 {
            tick(canvas, x.max(MARGIN + 8), &format!("{} %", step * 25 / 2));
        }
        canvas.rect((x, top), (box_width, height), Cell::Below(step).ink());
        x += box_width;
    }
    // The mark on the hull.
    canvas.rect((x, top - 6), (3, height + 12), TEXT);
    tick(canvas, x + 1, "100 %");
    x += 3;
    for (step, label) in (0..5).zip(["110", "125", "150", "200 %", ""]) {
        canvas.rect((x, top), (box_width, height), Cell::Above(step).ink());
        x += box_width;
        if !label.is_empty() {
            tick(canvas, x, label);
        }
    }
    for (cell, label) in [(Cell::Thrash, "thrashing"), (Cell::Away, "host away"), (Cell::Idle, "idle")] {
        x += 28;
        canvas.rect((x, top), (20, height), cell.ink());
        if cell == Cell::Away {
            canvas.line(
                vec![(x, top + height - 1), (x + 7, top + 1), (x + 13, top + height - 1), (x + 20, top + 1)],
                MUTED,
                1,
            );
        }
        canvas.text((x + 26, top + height / 2), Anchor::Start, LABEL, label);
        x += 26 + super::text_width(label, 12.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_host_is_below_the_line_and_more_is_above() {
        for (load, cell) in [
            (0.0, Cell::Idle),
            (0.01, Cell::Below(0)),
            (0.5, Cell::Below(3)),
            (1.0, Cell::Below(7)),
            (1.0 + 1e-12, Cell::Below(7)),
            (1.01, Cell::Above(0)),
            (1.3, Cell::Above(2)),
            (9.0, Cell::Above(4)),
        ] {
            assert_eq!(Cell::of_load(load), cell, "{load}");
        }
    }

    #[test]
    fn hosts_that_share_a_row_show_the_fullest() {
        let host = |load: f64| HostTrack {
            host: crate::ids::HostId(0),
            name: "a".into(),
            cpu_capacity_cores: 1.0,
            memory_capacity_bytes: 1.0,
            buckets: vec![TrackBucket { cpu_demand_cores: load, up: 1.0, ..TrackBucket::default() }; 3],
        };
        let record = Record {
            edges: (0..4).map(SimTime).collect(),
            hosts: vec![host(0.2), host(1.3), host(0.1)],
            ..Record::default()
        };
        let grid = Grid::new(&record, |_, bucket| bucket.cpu_demand_cores, 2, 2);
        assert_eq!(grid.rows, [[Cell::Above(2); 2], [Cell::Below(0); 2]]);
        assert_eq!(grid.names, ["a +1", "a"]);
        assert_eq!(grid.edges, [SimTime(0), SimTime(2), SimTime(3)]);
    }
}
