//! Several answers at once, how likely their tokens were, and how long a prompt is kept.

use serde_json::{Value, json};

use crate::rig::{Kind, Rig};

const TEXT: &str = "[[say:one two three four five six]]";

fn asked(kind: Kind, more: &Value, stream: bool) -> Value {
    let mut body = kind.body(TEXT, stream, false);
    let place = match kind {
        Kind::Gemini => "generationConfig",
        _ => "parameters",
    };
    for (name, value) in more.as_object().unwrap() {
        body[place][name] = value.clone();
    }
    body
}

#[tokio::test]
async fn several_answers_are_given_and_counted() {
    let rig = Rig::start().await;
    for (kind, name, choices, output) in [
        (
            Kind::Gemini,
            "candidateCount",
            "/candidates",
            "/usageMetadata/candidatesTokenCount",
        ),
        (
            Kind::DashScope,
            "n",
            "/output/choices",
            "/usage/output_tokens",
        ),
    ] {
        let of = async |count: u64| {
            let body = asked(kind, &json!({ name: count }), false);
            rig.send(kind, &body, false).await.json()
        };
        let (one, three) = (of(1).await, of(3).await);
        let list = three.pointer(choices).unwrap().as_array().unwrap();
        assert_eq!(list.len(), 3, "{kind:?}: {three}");
        for (index, choice) in list.iter().enumerate() {
            assert_eq!(choice["index"], index);
            assert!(choice.to_string().contains("one two three"));
        }
        let count = |body: &Value| body.pointer(output).unwrap().as_u64().unwrap();
        assert_eq!(count(&three), 3 * count(&one), "{kind:?}");
    }
}

/// The tokens that are told, and how many of the likeliest beside each.
fn told(kind: Kind, body: &Value) -> Vec<(String, usize)> {
    let text = |value: &Value| value["token"].as_str().unwrap().to_owned();
    if kind == Kind::Gemini {
        let result = &body["candidates"][0]["logprobsResult"];
        let chosen = result["chosenCandidates"].as_array().into_iter().flatten();
        let tops = result["topCandidates"].as_array().into_iter().flatten();
        let tops = tops.map(|top| top["candidates"].as_array().unwrap().len());
        let zipped = chosen.map(text).zip(tops.chain(std::iter::repeat(0)));
        return zipped.collect();
    }
    let content = &body["output"]["choices"][0]["logprobs"]["content"];
    let entries = content.as_array().into_iter().flatten();
    entries
        .map(|entry| {
            assert!(entry["logprob"].as_f64().unwrap() <= 0.0);
            (text(entry), entry["top_logprobs"].as_array().unwrap().len())
        })
        .collect()
}

#[tokio::test]
async fn tokens_are_told_with_their_likelihood_if_asked() {
    let rig = Rig::start().await;
    for (kind, wanted) in [
        (
            Kind::Gemini,
            json!({ "responseLogprobs": true, "logprobs": 2 }),
        ),
        (
            Kind::DashScope,
            json!({ "logprobs": true, "top_logprobs": 2 }),
        ),
    ] {
        let whole = rig.send(kind, &asked(kind, &wanted, false), false).await;
        let whole = told(kind, &whole.json());
        let text: String = whole.iter().map(|(token, _)| token.as_str()).collect();
        assert_eq!(text, "one two three four five six", "{kind:?}");
        assert!(whole.iter().all(|(_, others)| *others == 2));
        let streamed = rig.send(kind, &asked(kind, &wanted, true), true).await;
        let streamed = streamed.events();
        let streamed = streamed.iter().flat_map(|event| told(kind, event));
        assert_eq!(streamed.collect::<Vec<_>>(), whole, "{kind:?}");
        let unasked = rig.send(kind, &asked(kind, &json!({}), false), false).await;
        assert!(told(kind, &unasked.json()).is_empty());
    }
}

#[tokio::test]
async fn what_is_kept_for_an_hour_is_counted_apart() {
    let rig = Rig::start().await;
    for (mark, of_hour) in [
        (json!({ "type": "ephemeral" }), false),
        (json!({ "type": "ephemeral", "ttl": "5m" }), false),
        (json!({ "type": "ephemeral", "ttl": "1h" }), true),
    ] {
        let mut body = Kind::Anthropic.body("[[say:fine]]", false, false);
        body["system"] = json!([{ "type": "text", "text": "Long words. ".repeat(50),
            "cache_control": mark }]);
        let usage = &rig.send(Kind::Anthropic, &body, false).await.json()["usage"];
        let written = usage["cache_creation_input_tokens"].as_u64().unwrap();
        let count = |name: &str| usage["cache_creation"][name].as_u64().unwrap();
        let hour = count("ephemeral_1h_input_tokens");
        assert!(written > 0);
        assert_eq!(hour + count("ephemeral_5m_input_tokens"), written);
        assert_eq!(hour, if of_hour { written } else { 0 }, "{mark}");
    }
}
