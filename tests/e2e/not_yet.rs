//! What is refused on the way to a kind of provider, of what the SDK scripts try.
//!
//! The scripts expect exactly this: a request that needs something listed here must be refused
//! with 400 or 404, and one that needs nothing of it must be carried. So a line that is no longer
//! true fails its test, as does one that is missing. A name with `!` behind it is not refused but
//! comes out wrong.

/// The doors that requests come through.
const DOORS: [&str; 3] = ["chat", "messages", "responses"];

/// A door or a kind that stands for all of them.
const ANY: &str = "*";

/// What stays refused: door, kind, capabilities.
const NEVER: [(&str, &str, &[&str]); 6] = [
    // DeepSeek's models have no eyes.
    (ANY, "deepseek", &["images", "result_images"]),
    // Cohere takes pictures from users only.
    (ANY, "cohere", &["result_images"]),
    // It gives one answer, and its models decline in words: it has no end that says so.
    ("chat", "cohere", &["filter_code!", "several"]),
    // They give one answer to a request.
    ("chat", "anthropic", &["several"]),
    ("chat", "deepseek", &["several"]),
    // DashScope can be made to call a function of a given name only.
    ("messages", "dashscope", &["forced_calls"]),
];

/// What is not converted yet: door, kind, capabilities. To be emptied.
const NOT_YET: [(&str, &str, &[&str]); 0] = [];

/// What is expected to be refused on the way from a door to a kind, as an argument of the scripts. For
/// `all` doors, each name has its door before it: `chat/images`.
#[must_use]
pub fn refused(door: &str, kind: &str) -> String {
    let mut names = Vec::new();
    for at in DOORS {
        let rows = NEVER.iter().chain(NOT_YET.iter());
        let rows =
            rows.filter(|(from, to, _)| [at, ANY].contains(from) && [kind, ANY].contains(to));
        for name in rows.flat_map(|(_, _, names)| *names) {
            if door == at {
                names.push((*name).to_owned());
            } else if door == "all" {
                names.push(format!("{at}/{name}"));
            }
        }
    }
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(",")
    }
}
