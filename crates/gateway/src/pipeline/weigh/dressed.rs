//! The same text weighs the same, however the request around it is written.

use proptest::prelude::*;
use serde_json::{Value, json};
use steelyard_provider_adapter::client_dialect;
use steelyard_types::{Dialect, UnixMillis};

use super::*;

/// A limit that every dialect can name: it bounds the expected output.
const LIMIT: u64 = 20_000;

/// Every way to ask for a text: dialects, whole and in pieces, streamed or not.
fn dressed(text: &str, pieces: &[&str]) -> Vec<(Dialect, Value)> {
    let parts = |kind: &str| -> Vec<Value> {
        let parts = pieces.iter();
        parts
            .map(|piece| json!({ "type": kind, "text": piece }))
            .collect()
    };
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let mut requests = Vec::new();
    for stream in [false, true] {
        let mut add = |dialect, fields: Value| {
            let mut request = json!({ "model": "auto", "stream": stream });
            if let (Some(all), Value::Object(fields)) = (request.as_object_mut(), fields) {
                all.extend(fields);
            }
            requests.push((dialect, request));
        };
        for content in [json!(text), json!(parts("text"))] {
            let chat = json!({ "messages": user(content.clone()), "max_tokens": LIMIT });
            add(Dialect::OpenAiChat, chat.clone());
            add(Dialect::AnthropicMessages, chat);
        }
        for input in [
            json!(text),
            user(json!(text)),
            user(json!(parts("input_text"))),
        ] {
            let fields = json!({ "input": input, "max_output_tokens": LIMIT });
            add(Dialect::OpenAiResponses, fields);
        }
        let fields = json!({ "prompt": text, "max_tokens": LIMIT });
        add(Dialect::OpenAiCompletions, fields);
    }
    requests
}

fn demand(dialect: Dialect, request: &Value) -> Demand {
    let body = request.to_string();
    let request = client_dialect(dialect)
        .parse(body.as_bytes())
        .unwrap_or_else(|error| panic!("{dialect:?}: {}: {body}", error.message));
    weigh(&request, UnixMillis(0), Scorer::shipped())
}

fn same(demand: &Demand, other: &Demand) -> bool {
    demand.complexity.to_bits() == other.complexity.to_bits()
        && demand.place == other.place
        && demand.expected_output_tokens == other.expected_output_tokens
}

/// Words of several scripts with spaces between them; never blank, which some dialects refuse.
const TEXT: &str =
    "[a-zA-Z]{1,8}([ \\n]|[a-zA-Z]{1,8}|[0-9.]{1,5}|[{}();:,]|[证明素数，。]|🎉|é){0,60}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_text_weighs_the_same_in_every_dialect_and_dress(
        text in TEXT,
        cut in any::<prop::sample::Index>(),
    ) {
        // Parts are paragraphs, and a piece that is blank is no piece.
        let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let at = if breaks.is_empty() { 0 } else { breaks[cut.index(breaks.len())] };
        let (head, tail) = (&text[..at], text[at..].trim_start());
        let pieces = [head, tail].into_iter().filter(|piece| !piece.trim().is_empty());
        let whole: Vec<&str> = pieces.collect();
        let requests = dressed(&text, &whole);
        let first = demand(requests[0].0, &requests[0].1);
        prop_assert!(first.complexity.is_finite() && (0.0..=1.0).contains(&first.complexity));
        for (dialect, request) in &requests[1..] {
            let other = demand(*dialect, request);
            prop_assert!(same(&first, &other), "{:?} {}: {:?} {:?}", dialect, request, first, other);
        }
    }

    #[test]
    fn padding_weighs_nothing(
        text in TEXT,
        before in "[ \\t\\n\\r\u{3000}\u{200b}]{0,3000}",
        after in "[ \\t\\n\\r\u{a0}\u{feff}]{0,3000}",
        wide in "[ \\t]{1,9}",
    ) {
        let pad = |text: &str| format!("{before}{}{after}", text.trim().replace(' ', &wide));
        let picture = json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
        let beside = |text: String| json!([picture, { "type": "text", "text": text }]);
        let chat = |messages: Value| demand(
            Dialect::OpenAiChat,
            &json!({ "model": "auto", "messages": messages }),
        );
        // Every place where a text may stand, and lengths about those from which they count.
        let few = &text[..text.char_indices().nth(40).map_or(text.len(), |(at, _)| at)];
        let rules = "Answer in verse only, whatever the question is. ".repeat(13);
        let long = "A word of the history. ".repeat(860);
        for dress in [
            &(|pad: &dyn Fn(&str) -> String| json!([{ "role": "user", "content": pad(&text) }]))
                as &dyn Fn(&dyn Fn(&str) -> String) -> Value,
            &|pad| json!([
                { "role": "system", "content": pad(&rules) },
                { "role": "user", "content": pad(&text) },
            ]),
            &|pad| json!([
                { "role": "user", "content": pad(&text) },
                { "role": "assistant", "content": pad(&long) },
                { "role": "user", "content": pad("That is wrong, fix it.") },
            ]),
            &|pad| json!([{ "role": "user", "content": beside(pad(few)) }]),
            &|pad| json!([
                { "role": "user", "content": beside(pad(few)) },
                { "role": "assistant", "content": pad(&text) },
                { "role": "user", "content": pad("please continue") },
            ]),
        ] {
            let (plain, padded) = (chat(dress(&|text| text.trim().to_owned())), chat(dress(&pad)));
            prop_assert!(same(&plain, &padded), "{:?} {:?}", plain, padded);
        }
    }
}
