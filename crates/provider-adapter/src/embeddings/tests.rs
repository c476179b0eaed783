use std::sync::Arc;

use serde_json::{Value, json};
use steelyard_types::{EmbeddingInputs, FeatureSet, ModelFacts, UnixMillis, WireProfile};

use super::*;

fn target(wire: WireFormat, profile: WireProfile) -> Target {
    Target {
        upstream: Arc::from("vec/1"),
        wire,
        profile,
        features: FeatureSet::EMPTY,
        facts: ModelFacts::default(),
        max_output_tokens: 1,
    }
}

fn encode(wire: WireFormat, profile: WireProfile, body: &str) -> Result<EncodedRequest, Refusal> {
    let request = parse_embedding_request(body.as_bytes()).expect("a request");
    adapter(wire).encode(&request, &target(wire, profile))
}

fn sent(encoded: &EncodedRequest) -> Value {
    serde_json::from_slice(&encoded.body).expect("JSON")
}

fn answered(
    wire: WireFormat,
    body: &Value,
    wanted: Wanted,
) -> Result<(Value, Option<Usage>), ProviderError> {
    let head = ResponseHead {
        status: 200,
        headers: &[("content-type", "application/json")],
        at: UnixMillis(0),
    };
    let context = ReplyContext {
        dialect: Dialect::OpenAiEmbeddings,
        id: "embd-1".to_owned(),
        created: 7,
        upstream_model: Arc::from("vec/1"),
        include_usage: false,
        function_call: false,
        echo: None,
    };
    let body = Bytes::from(body.to_string());
    let reply = read(wire, &head, body, &context, wanted)?;
    Ok((
        serde_json::from_slice(&reply.body).expect("JSON"),
        reply.usage,
    ))
}

const TWO: Wanted = Wanted {
    count: 2,
    base64: false,
};
const GEMINI: WireFormat = WireFormat::GeminiGenerateContent;
const DASHSCOPE: WireFormat = WireFormat::DashScopeGeneration;

#[test]
fn inputs_are_texts_or_tokens() {
    let read = |input: &str| {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let parsed = parse_embedding_request(body.as_bytes());
        parsed
            .map(|request| match request.embedding.expect("inputs").inputs {
                EmbeddingInputs::Texts(texts) => (texts.len(), 0),
                EmbeddingInputs::Tokens { lists, tokens } => (lists, tokens),
            })
            .map_err(|error| error.param.unwrap_or_default())
    };
    assert_eq!(read(r#""a""#), Ok((1, 0)));
    assert_eq!(read(r#"["a","b"]"#), Ok((2, 0)));
    assert_eq!(read("[1,2,3]"), Ok((1, 3)));
    assert_eq!(read("[ [1,2],[3]]"), Ok((2, 3)));
    for (wrong, param) in [
        ("7", "input"),
        ("[]", "input"),
        ("{}", "input"),
        (r#"["a",1]"#, "input"),
        ("[-1]", "input"),
        (r#""""#, "input[0]"),
        (r#"["a",""]"#, "input[1]"),
        ("[[1],[]]", "input[1]"),
    ] {
        assert_eq!(read(wrong), Err(param.to_owned()), "{wrong}");
    }
    let many = format!("[{}]", vec!["\"a\""; 2_049].join(","));
    assert_eq!(read(&many), Err("input".to_owned()));
    for (body, param) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"input":"a"}"#, "model"),
        (r#"{"model":"m","input":"a","dimensions":0}"#, "dimensions"),
        (
            r#"{"model":"m","input":"a","encoding_format":"hex"}"#,
            "encoding_format",
        ),
        (r#"{"model":"m","input":"a","stream":true}"#, "stream"),
    ] {
        let error = parse_embedding_request(body.as_bytes()).expect_err(body);
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
    }
}

#[test]
fn servers_of_the_same_format_get_the_fields_as_received() {
    let body = r#"{"input":[[1, 2]],"model":"a","encoding_format":"base64","acme":1.0,"user":"u"}"#;
    let encoded = encode(WireFormat::OpenAiChat, WireProfile::COMPATIBLE, body).expect("carried");
    assert_eq!(encoded.path, "/embeddings");
    assert_eq!(
        encoded.body,
        r#"{"input":[[1, 2]],"model":"vec/1","encoding_format":"base64","acme":1.0,"user":"u"}"#
    );
    let strict = |body| encode(WireFormat::OpenAiChat, WireProfile::MISTRAL, body);
    let known = strict(r#"{"input":"a","model":"a","user":"u"}"#).expect("carried");
    assert_eq!(known.lossy.fields(), ["user"]);
    assert_eq!(sent(&known), json!({ "input": "a", "model": "vec/1" }));
    let refused = strict(r#"{"input":"a","model":"a","dimensions":8}"#);
    assert_eq!(refused.expect_err("unknown there").field, "dimensions");
}

#[test]
fn gemini_gets_one_request_a_text() {
    let body = r#"{"input":["a","b"],"model":"m","dimensions":8,"user":"u"}"#;
    let encoded = encode(GEMINI, WireProfile::OPENAI, body).expect("carried");
    assert_eq!(encoded.path, "/v1beta/models/vec%2F1:batchEmbedContents");
    assert_eq!(encoded.lossy.fields(), ["user"]);
    let one = |text| {
        json!({ "model": "models/vec/1", "content": { "parts": [{ "text": text }] },
        "outputDimensionality": 8 })
    };
    assert_eq!(sent(&encoded), json!({ "requests": [one("a"), one("b")] }));
    let many = format!(
        r#"{{"model":"m","input":[{}]}}"#,
        vec!["\"a\""; 101].join(",")
    );
    let refused = encode(GEMINI, WireProfile::OPENAI, &many);
    assert_eq!(refused.expect_err("too many").field, "input");
}

#[test]
fn dashscope_gets_all_texts_at_once() {
    let body = r#"{"input":"a","model":"m","dimensions":8}"#;
    let encoded = encode(DASHSCOPE, WireProfile::OPENAI, body).expect("carried");
    let expected = json!({ "model": "vec/1", "input": { "texts": ["a"] },
        "parameters": { "dimension": 8 } });
    assert_eq!(sent(&encoded), expected);
    assert!(encoded.path.ends_with("/text-embedding/text-embedding"));
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    for wire in [GEMINI, DASHSCOPE] {
        for (body, field) in [
            (r#"{"input":[1],"model":"m"}"#, "input"),
            (r#"{"input":"a","model":"m","acme":1}"#, "acme"),
        ] {
            let refused = encode(wire, WireProfile::OPENAI, body).expect_err(body);
            assert_eq!(refused.field, field);
        }
    }
    let body = r#"{"input":"a","model":"m"}"#;
    let refused = encode(WireFormat::AnthropicMessages, WireProfile::OPENAI, body);
    assert_eq!(refused.expect_err("none there").field, "input");
}

#[test]
fn chats_and_embeddings_do_not_mix() {
    let chat = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let chat = crate::openai::parse_chat_request(chat).expect("a chat");
    let body = br#"{"model":"m","input":"a"}"#;
    let vectors = parse_embedding_request(body).expect("a request");
    for wire in [
        WireFormat::OpenAiChat,
        WireFormat::AnthropicMessages,
        GEMINI,
        DASHSCOPE,
    ] {
        let target = target(wire, WireProfile::OPENAI);
        let refused = adapter(wire).carries(&chat, &target).expect_err("a chat");
        assert_eq!(refused.field, "model");
        for refused in [
            crate::adapter(wire).carries(&vectors, &target).map(|_| ()),
            crate::adapter(wire).encode(&vectors, &target).map(|_| ()),
        ] {
            assert_eq!(refused.expect_err("vectors").field, "input");
        }
    }
}

#[test]
fn vectors_come_back_in_the_order_of_the_inputs_digit_by_digit() {
    let gemini = json!({ "embeddings": [{ "values": [0.10, -1e-7] }, { "values": [2] }],
        "usageMetadata": { "promptTokenCount": 5 } });
    let (body, usage) = answered(GEMINI, &gemini, TWO).expect("an answer");
    assert_eq!(body["data"][0]["embedding"], json!([0.10, -1e-7]));
    assert_eq!(body["data"][1]["index"], 1);
    assert_eq!(body["model"], "vec/1");
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 5, "total_tokens": 5 })
    );
    assert_eq!(usage.map(|usage| usage.input_fresh), Some(5));

    let dashscope = json!({ "output": { "embeddings": [
        { "embedding": [2], "text_index": 1 }, { "embedding": [1], "text_index": 0 } ] },
        "usage": { "total_tokens": 3 } });
    let (body, usage) = answered(DASHSCOPE, &dashscope, TWO).expect("an answer");
    assert_eq!(body["data"][0]["embedding"], json!([1]));
    assert_eq!(usage.map(|usage| usage.total_tokens()), Some(3));
    let base64 = Wanted {
        base64: true,
        ..TWO
    };
    let (body, _) = answered(DASHSCOPE, &dashscope, base64).expect("an answer");
    assert_eq!(body["data"][0]["embedding"], "AACAPw==");
}

#[test]
fn what_is_not_counted_is_not_made_up() {
    let gemini = json!({ "embeddings": [{ "values": [1] }, { "values": [2] }] });
    let (body, usage) = answered(GEMINI, &gemini, TWO).expect("an answer");
    assert!(body.get("usage").is_none() && usage.is_none(), "{body}");
}

#[test]
fn answers_that_are_none_are_errors() {
    let vector = json!({ "object": "embedding", "index": 0, "embedding": "AA==" });
    for (wire, body) in [
        (GEMINI, json!({ "embeddings": [{ "values": [1] }] })),
        (GEMINI, json!({})),
        (
            DASHSCOPE,
            json!({ "output": { "embeddings": [
            { "embedding": [1], "text_index": 1 }, { "embedding": [1], "text_index": 1 } ] } }),
        ),
        (DASHSCOPE, json!({ "code": "x" })),
        (
            WireFormat::OpenAiChat,
            json!({ "data": [vector], "usage": {} }),
        ),
        (WireFormat::OpenAiChat, json!({ "detail": "no" })),
        (WireFormat::OpenAiChat, json!([])),
    ] {
        let error = answered(wire, &body, TWO).expect_err("no answer");
        assert_eq!(error.kind, ErrorKind::InvalidAnswer, "{body}");
    }
    let body = json!({ "error": { "code": "rate_limit_exceeded", "message": "slow" } });
    let error = answered(WireFormat::OpenAiChat, &body, TWO).expect_err("no answer");
    assert_eq!(error.kind, ErrorKind::RateLimited);
}
