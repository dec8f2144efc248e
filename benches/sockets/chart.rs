//! The chart: what each server spends above the floor, as bars.

use std::{fmt::Write, fs};

use crate::{
    Outcome,
    echo::{Column, Figure},
    servers::SERVERS,
};

/// The cells that are drawn, one panel each.
const PANELS: [&str; 6] = [
    "16 B c64 p16",
    "1 KiB c64 p16",
    "16 KiB c64 p16",
    "16 B c8 p128",
    "text 1 KiB c64 p16",
    "256 KiB c16 p1",
];

/// Panels beside each other.
const ACROSS: usize = 2;

const PANEL_WIDTH: usize = 460;
const LABELS_WIDTH: usize = 150;
const BARS_WIDTH: f64 = 240.0;
const ROW_HEIGHT: usize = 18;
const HEAD_HEIGHT: usize = 56;

/// Where bars end that are longer, with their figure beside them.
const MOST: f64 = 5.0;

/// Writes `sockets.svg`.
pub(crate) fn store(columns: &[Column]) -> Outcome {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sockets.svg");
    Ok(fs::write(path, draw(columns)?)?)
}

fn draw(columns: &[Column]) -> Result<String, std::fmt::Error> {
    let rows = SERVERS.iter().filter(|it| !it.is_floor()).count();
    let panel_height = 34 + rows * ROW_HEIGHT;
    let width = ACROSS * PANEL_WIDTH;
    let height = HEAD_HEIGHT + PANELS.len().div_ceil(ACROSS) * panel_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
        font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\n\
        <title>Processor time per echoed message, as a multiple of a raw echo</title>\n\
        <style>text {{ fill: #1f2328 }} .faint {{ fill: #59636e }} .line {{ stroke: #59636e }} \
        .ours {{ fill: #0969da }} .other {{ fill: #afb8c1 }} \
        @media (prefers-color-scheme: dark) {{ text {{ fill: #f0f6fc }} .faint {{ fill: #9198a1 }} \
        .line {{ stroke: #9198a1 }} .ours {{ fill: #4493f8 }} .other {{ fill: #565e67 }} }}</style>\n\
        <text x=\"10\" y=\"22\" font-size=\"15\" font-weight=\"600\">Server processor time per \
        echoed message, kernel included</text>\n\
        <text x=\"10\" y=\"40\" class=\"faint\">as a multiple of a raw echo on the same runtime \
        (the line at 1.00), shorter is better, cut at 5; c64 p16: 64 connections, 16 messages at once</text>\n",
    );
    for (at, name) in PANELS.iter().enumerate() {
        let left = at % ACROSS * PANEL_WIDTH;
        let top = HEAD_HEIGHT + at / ACROSS * panel_height;
        let figures = columns.iter().find(|(cell, _)| cell.name == *name);
        let figures = figures.map_or(&[][..], |(_, figures)| figures);
        writeln!(svg, "<g transform=\"translate({left} {top})\">")?;
        panel(&mut svg, name, figures)?;
        svg += "</g>\n";
    }
    svg += "</svg>\n";
    Ok(svg)
}

fn panel(svg: &mut String, name: &str, figures: &[Option<Figure>]) -> std::fmt::Result {
    writeln!(
        svg,
        "<text x=\"10\" y=\"16\" font-weight=\"600\">{name}</text>"
    )?;
    let servers = SERVERS.iter().zip(figures).filter(|(it, _)| !it.is_floor());
    let mut y = 24;
    for (server, figure) in servers {
        let class = if server.package == Some("sansock") {
            "ours"
        } else {
            "other"
        };
        let middle = y + 13;
        writeln!(
            svg,
            "<text x=\"{LABELS_WIDTH}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            server.name
        )?;
        let (width, label) = match figure {
            Some(Figure { ratio, .. }) => {
                (ratio.min(MOST) / MOST * BARS_WIDTH, format!("{ratio:.2}"))
            }
            None => (0.0, "–".to_owned()),
        };
        let left = LABELS_WIDTH + 8;
        writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{}\" width=\"{width:.1}\" height=\"12\" rx=\"2\" class=\"{class}\"/>\
            <text x=\"{:.1}\" y=\"{middle}\" class=\"faint\">{label}</text>",
            y + 3,
            left as f64 + width + 5.0,
        )?;
        y += ROW_HEIGHT;
    }
    let one = (LABELS_WIDTH + 8) as f64 + BARS_WIDTH / MOST;
    writeln!(
        svg,
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"24\" y2=\"{y}\" class=\"line\" \
        stroke-dasharray=\"2 2\"/>"
    )
}
