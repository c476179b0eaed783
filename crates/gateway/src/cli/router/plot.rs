//! Curves as an SVG picture.

use std::fmt::Write;

/// A curve: its name, colour and points.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) colour: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// One diagram.
pub(super) struct Diagram {
    pub(super) title: String,
    pub(super) across: &'static str,
    pub(super) up: &'static str,
    pub(super) curves: Vec<Curve>,
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 56.0;

/// All diagrams, one below the other.
pub(super) fn svg(diagrams: &[Diagram]) -> String {
    let height = HEIGHT * diagrams.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    for (index, diagram) in diagrams.iter().enumerate() {
        draw(&mut out, diagram, HEIGHT * index as f64);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, diagram: &Diagram, top: f64) {
    let all = || diagram.curves.iter().flat_map(|curve| &curve.points);
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let low = all().map(pick).fold(f64::INFINITY, f64::min);
        let high = all().map(pick).fold(f64::NEG_INFINITY, f64::max);
        (low, (high - low).max(1e-9))
    };
    let ((left, wide), (bottom, tall)) = (range(|point| point.0), range(|point| point.1));
    let x = |value: f64| MARGIN + (value - left) / wide * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| top + HEIGHT - MARGIN - (value - bottom) / tall * (HEIGHT - 2.0 * MARGIN);
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{:.0}\" font-size=\"13\">{}</text>\n\
         <rect x=\"{MARGIN}\" y=\"{:.0}\" width=\"{:.0}\" height=\"{:.0}\" fill=\"none\" stroke=\"#999\"/>\n\
         <text x=\"{MARGIN}\" y=\"{:.0}\">{left:.3}</text>\n\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{:.3} {}</text>\n\
         <text x=\"4\" y=\"{:.0}\">{bottom:.3}</text>\n<text x=\"4\" y=\"{:.0}\">{:.3} {}</text>",
        top + 22.0,
        escaped(&diagram.title),
        top + MARGIN,
        WIDTH - 2.0 * MARGIN,
        HEIGHT - 2.0 * MARGIN,
        top + HEIGHT - MARGIN + 14.0,
        WIDTH - MARGIN,
        top + HEIGHT - MARGIN + 14.0,
        left + wide,
        diagram.across,
        y(bottom),
        top + MARGIN - 6.0,
        bottom + tall,
        diagram.up,
    );
    for (index, curve) in diagram.curves.iter().enumerate() {
        let points: Vec<String> = curve
            .points
            .iter()
            .map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"/>\n\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{}\" text-anchor=\"end\">{}</text>",
            points.join(" "),
            curve.colour,
            WIDTH - MARGIN - 6.0,
            top + HEIGHT - MARGIN - 8.0 - 14.0 * index as f64,
            curve.colour,
            escaped(&curve.name),
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_lies_inside_its_frame() {
        let picture = svg(&[Diagram {
            title: "a < b".to_owned(),
            across: "cost",
            up: "score",
            curves: vec![Curve {
                name: "ours".to_owned(),
                colour: "#06c",
                points: vec![(0.0, 0.5), (2.0, 0.9)],
            }],
        }]);
        assert!(
            picture.contains("points=\"56.0,304.0 464.0,56.0\""),
            "{picture}"
        );
        assert!(picture.contains("a &lt; b"));
    }
}
