//! Curves as an SVG picture.

use std::cmp::Ordering;
use std::fmt::Write;

use steelyard_router::eval::CurvePoint;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Drawn {
    Line,
    Dashed,
    /// A light area within the points.
    Area,
    /// One dot for each point.
    Dot,
    /// A line with a stroke at each end.
    Whisker,
}

/// A curve: its name in the legend (none if it is empty), colour and points.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) colour: &'static str,
    pub(super) drawn: Drawn,
    pub(super) points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve of scores over costs, the costs told for so many requests.
    pub(super) fn of_costs(
        (name, colour, drawn): (&str, &'static str, Drawn),
        points: &[CurvePoint],
        requests: f64,
    ) -> Self {
        let points = points.iter();
        Self {
            name: name.to_owned(),
            colour,
            drawn,
            points: points
                .map(|point| (point.cost * requests, point.score))
                .collect(),
        }
    }
}

/// What an axis counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Axis {
    Number,
    /// A share of 1, told in per cent.
    Share,
}

/// One diagram.
pub(super) struct Diagram {
    pub(super) title: String,
    pub(super) across: (&'static str, Axis),
    pub(super) up: (&'static str, Axis),
    pub(super) curves: Vec<Curve>,
}

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 380.0;
/// The frame of the curves within a diagram; the legend stands to the right of it.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 530.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 324.0;
/// Largest title, and the most that a letter is wide beside its height.
const TITLE: f64 = 14.0;
const LETTER: f64 = 0.62;

/// All diagrams, one below the other.
pub(super) fn svg(diagrams: &[Diagram]) -> String {
    let height = HEIGHT * diagrams.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    for (index, diagram) in diagrams.iter().enumerate() {
        let top = HEIGHT * index as f64;
        // Writing to a text cannot fail.
        let _ = writeln!(out, "<g transform=\"translate(0 {top})\">");
        draw(&mut out, diagram);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// The values of one axis, and where they lie in the picture.
struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn new(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match low.partial_cmp(&high) {
            Some(Ordering::Less) => (low, high),
            // Values that are all the same lie in the middle.
            Some(Ordering::Equal) => {
                let around = (low.abs() / 10.0).max(1e-3);
                (low - around, high + around)
            }
            _ => (0.0, 1.0),
        };
        Self {
            low,
            high: high.max(low + 1e-9),
            start,
            end,
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Round values, about six, each with its text.
    fn ticks(&self, axis: Axis) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power);
        let step = step.into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        // Digits that tell neighbours apart, and no more.
        let unit = if axis == Axis::Share { 100.0 } else { 1.0 };
        let digits = (0..9).find(|digits| unit * step * 10_f64.powi(*digits) > 0.999);
        let digits = usize::try_from(digits.unwrap_or(9)).unwrap_or_default();
        let sign = if axis == Axis::Share { " %" } else { "" };
        let first = (self.low / step - 1e-6).ceil();
        (0..20)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= self.high + step * 1e-6)
            .map(|value| (value, format!("{:.digits$}{sign}", unit * value + 0.0)))
            .collect()
    }
}

fn draw(out: &mut String, diagram: &Diagram) {
    let all = diagram.curves.iter().flat_map(|curve| &curve.points);
    let x = Scale::new(all.clone().map(|point| point.0), LEFT, RIGHT);
    let y = Scale::new(all.map(|point| point.1), BOTTOM, TOP);
    // A long title is written small rather than cut off.
    let letters = diagram.title.chars().count().max(1) as f64;
    let size = TITLE.min((WIDTH - 2.0 * 8.0) / (LETTER * letters));
    let _ = writeln!(
        out,
        "<text x=\"8\" y=\"22\" font-size=\"{size:.1}\">{}</text>",
        escaped(&diagram.title)
    );
    draw_axes(out, diagram, &x, &y);
    for curve in &diagram.curves {
        let points: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|(across, up)| (x.at(*across), y.at(*up)))
            .collect();
        draw_curve(out, curve, &points);
    }
    let named = diagram.curves.iter().filter(|curve| !curve.name.is_empty());
    for (index, curve) in named.enumerate() {
        let line = TOP + 10.0 + 18.0 * index as f64;
        let (start, end) = (RIGHT + 12.0, RIGHT + 36.0);
        let sample = match curve.drawn {
            Drawn::Area => vec![
                (start, line - 5.0),
                (end, line - 5.0),
                (end, line + 5.0),
                (start, line + 5.0),
            ],
            Drawn::Dot => vec![(f64::midpoint(start, end), line)],
            Drawn::Line | Drawn::Dashed | Drawn::Whisker => vec![(start, line), (end, line)],
        };
        draw_curve(out, curve, &sample);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            end + 6.0,
            line + 4.0,
            escaped(&curve.name)
        );
    }
}

fn draw_axes(out: &mut String, diagram: &Diagram, x: &Scale, y: &Scale) {
    let _ = writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>",
        RIGHT - LEFT,
        BOTTOM - TOP
    );
    for (value, text) in x.ticks(diagram.across.1) {
        let at = x.at(value);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{BOTTOM}\" stroke=\"#eee\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            BOTTOM + 16.0
        );
    }
    for (value, text) in y.ticks(diagram.up.1) {
        let at = y.at(value);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#eee\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 36.0,
        diagram.across.0,
        f64::midpoint(TOP, BOTTOM),
        diagram.up.0
    );
}

/// Draws a curve through places of the picture.
fn draw_curve(out: &mut String, curve: &Curve, places: &[(f64, f64)]) {
    let colour = curve.colour;
    let points: Vec<String> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let points = points.join(" ");
    let stroke = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"");
    let _ = match curve.drawn {
        Drawn::Line => writeln!(out, "<polyline points=\"{points}\" {stroke}/>"),
        Drawn::Dashed => writeln!(
            out,
            "<polyline points=\"{points}\" {stroke} stroke-dasharray=\"5 4\"/>"
        ),
        Drawn::Area => writeln!(
            out,
            "<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"0.15\"/>"
        ),
        Drawn::Dot => {
            let dots = places.iter().map(|(x, y)| {
                format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n")
            });
            out.extend(dots);
            Ok(())
        }
        Drawn::Whisker => {
            let ends = places.iter().map(|(x, y)| {
                let (above, below) = (y - 4.0, y + 4.0);
                format!(
                    "<line x1=\"{x:.1}\" y1=\"{above:.1}\" x2=\"{x:.1}\" y2=\"{below:.1}\" \
                     stroke=\"{colour}\" stroke-width=\"1.6\"/>\n"
                )
            });
            out.extend(ends);
            writeln!(out, "<polyline points=\"{points}\" {stroke}/>")
        }
    };
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagram(title: &str, drawn: Drawn, points: Vec<(f64, f64)>) -> Diagram {
        Diagram {
            title: title.to_owned(),
            across: ("share", Axis::Share),
            up: ("score", Axis::Number),
            curves: vec![Curve {
                name: "ours & theirs".to_owned(),
                colour: "#06c",
                drawn,
                points,
            }],
        }
    }

    #[test]
    fn a_curve_lies_inside_its_frame() {
        let points = vec![(0.0, 0.5), (1.0, 0.9)];
        let picture = svg(&[diagram("a < b", Drawn::Line, points)]);
        assert!(
            picture.contains("points=\"64.0,324.0 530.0,44.0\""),
            "{picture}"
        );
        for words in [
            "a &lt; b",
            "ours &amp; theirs",
            ">40 %<",
            ">0.6<",
            ">100 %<",
        ] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
    }

    #[test]
    fn every_way_of_drawing_has_its_shape() {
        let picture = |drawn| svg(&[diagram("t", drawn, vec![(0.0, 1.0), (1.0, 2.0)])]);
        // One for the curve, one for the legend.
        assert_eq!(picture(Drawn::Area).matches("<polygon").count(), 2);
        assert_eq!(picture(Drawn::Dashed).matches("dasharray").count(), 2);
        assert_eq!(picture(Drawn::Dot).matches("<circle").count(), 3);
        assert_eq!(picture(Drawn::Whisker).matches("<polyline").count(), 2);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let texts = |low: f64, high: f64, axis| -> Vec<String> {
            let ticks = Scale::new([low, high].into_iter(), 0.0, 1.0).ticks(axis);
            ticks.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(
            texts(0.0, 1.0, Axis::Share),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
        );
        assert_eq!(
            texts(0.523, 0.702, Axis::Number),
            ["0.55", "0.60", "0.65", "0.70"]
        );
        assert_eq!(
            texts(3.0, 1_040.0, Axis::Number),
            ["200", "400", "600", "800", "1000"]
        );
        // Values that are all the same stand between a few round ones.
        assert!(texts(0.5, 0.5, Axis::Number).contains(&"0.50".to_owned()));
        assert!(texts(0.0, 0.0, Axis::Number).contains(&"0.0000".to_owned()));
        for (low, high) in [(0.5, 0.5), (0.0, 1e-7), (1e12, 2e12)] {
            assert!(texts(low, high, Axis::Number).len() <= 20);
        }
    }

    #[test]
    fn a_long_title_is_written_small() {
        let long = "model-of-a-very-long-name ".repeat(8);
        let picture = svg(&[diagram(&long, Drawn::Line, vec![(0.0, 1.0)])]);
        assert!(picture.contains("font-size=\"5.1\""), "{picture}");
        assert!(svg(&[]).contains("</svg>"));
    }
}
