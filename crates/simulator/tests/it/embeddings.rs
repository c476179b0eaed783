//! Vectors in every provider's form, and what is refused.

use serde_json::{Value, json};

use crate::rig::{Got, Kind, Rig};

const OPENAI: &str = "/openai/v1/embeddings";
const GEMINI: &str = "/gemini/v1beta/models/gemini-embedding-001:batchEmbedContents";
const DASHSCOPE: &str = "/dashscope/api/v1/services/embeddings/text-embedding/text-embedding";

async fn send(rig: &Rig, kind: Kind, path: &str, body: &Value) -> Got {
    Rig::receive(rig.request(kind, path, body.to_string())).await
}

fn part(text: &str) -> Value {
    json!({ "parts": [{ "text": text }] })
}

fn batched(texts: &[&str]) -> Value {
    let one = |text: &&str| {
        json!({ "model": "models/gemini-embedding-001", "content": part(text),
        "outputDimensionality": 4 })
    };
    json!({ "requests": texts.iter().map(one).collect::<Vec<_>>() })
}

#[tokio::test]
async fn the_same_text_has_the_same_vector_everywhere() {
    let rig = Rig::start().await;
    let openai = json!({ "model": "text-embedding-3-small", "input": ["a cat", "a dog"],
        "dimensions": 4 });
    let openai = send(&rig, Kind::OpenAi, OPENAI, &openai).await.json();
    assert_eq!(openai["object"], "list");
    assert_eq!(openai["data"][1]["index"], 1);
    let expected = [
        &openai["data"][0]["embedding"],
        &openai["data"][1]["embedding"],
    ];
    assert_ne!(expected[0], expected[1]);
    assert_eq!(expected[0].as_array().map(Vec::len), Some(4));

    let body = batched(&["a cat", "a dog"]);
    let gemini = send(&rig, Kind::Gemini, GEMINI, &body).await.json();
    assert_eq!(&gemini["embeddings"][1]["values"], expected[1]);
    let single = GEMINI.replace("batchEmbedContents", "embedContent");
    let body = json!({ "content": part("a cat"), "outputDimensionality": 4 });
    let gemini = send(&rig, Kind::Gemini, &single, &body).await.json();
    assert_eq!(&gemini["embedding"]["values"], expected[0]);

    let body = json!({ "model": "text-embedding-v4", "input": { "texts": ["a cat", "a dog"] },
        "parameters": { "dimension": 4 } });
    let dashscope = send(&rig, Kind::DashScope, DASHSCOPE, &body).await.json();
    let second = &dashscope["output"]["embeddings"][1];
    assert_eq!(
        (&second["embedding"], &second["text_index"]),
        (expected[1], &json!(1))
    );
    assert_eq!(
        dashscope["usage"]["total_tokens"],
        openai["usage"]["total_tokens"]
    );
    rig.stop().await;
}

#[tokio::test]
async fn what_the_providers_refuse_is_refused() {
    let rig = Rig::start().await;
    let openai = |extra: Value| {
        let mut body = json!({ "model": "text-embedding-3-small", "input": "a" });
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (extra, status) in [
        (json!({ "acme": 1 }), 400),
        (json!({ "input": "" }), 400),
        (json!({ "input": [] }), 400),
        (json!({ "input": 7 }), 400),
        (json!({ "dimensions": 0 }), 400),
        (json!({ "model": "gpt-4o" }), 404),
    ] {
        let got = send(&rig, Kind::OpenAi, OPENAI, &openai(extra.clone())).await;
        assert_eq!(got.status, status, "{extra}: {}", got.text);
        assert!(got.json()["error"]["message"].is_string());
    }
    let many = vec!["a"; 101];
    let mut stray = batched(&["a"]);
    stray["requests"][0]["model"] = json!("models/other");
    for body in [batched(&many), batched(&[""]), stray, json!({})] {
        let got = send(&rig, Kind::Gemini, GEMINI, &body).await;
        assert_eq!(got.status, 400, "{}", got.text);
    }
    for texts in [json!([]), json!("a"), json!(vec!["a"; 11])] {
        let body = json!({ "model": "text-embedding-v4", "input": { "texts": texts } });
        let got = send(&rig, Kind::DashScope, DASHSCOPE, &body).await;
        assert_eq!(got.status, 400, "{}", got.text);
        assert_eq!(got.json()["code"], "InvalidParameter");
    }
    let unsigned = rig.client.post(format!("{}{OPENAI}", rig.base));
    let got = Rig::receive(unsigned.body(openai(json!({})).to_string())).await;
    assert_eq!(got.status, 401, "{}", got.text);
    rig.stop().await;
}
