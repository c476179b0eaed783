//! Parameters: sampling, the form of the answer, thinking.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use steelyard_provider_adapter::ChatRequest;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_types::{
    Effort, Feature, JsonSchema, NumberText, OutputFormat, ReasoningControl, StructuredOutput,
    Target,
};

use super::support::{self, hi};
use super::target;

fn parameters(
    target: &Target,
    set: impl FnOnce(&mut ChatRequest<'_>),
) -> (Value, Vec<&'static str>) {
    let (mut body, lossy) = support::of_chat(target, &hi(), set).unwrap();
    let mut parameters = body["parameters"].take();
    let form = parameters.as_object_mut().unwrap().remove("result_format");
    assert_eq!(form, Some(json!("message")));
    (parameters, lossy)
}

fn refused(set: impl FnOnce(&mut ChatRequest<'_>)) -> String {
    support::of_chat(&target(&[]), &hi(), set)
        .unwrap_err()
        .field
}

#[test]
fn sampling_is_carried() {
    let (parameters, lossy) = parameters(&target(&[]), |request| {
        request.top_k = Some(NumberText("40"));
        request.seed = Some(NumberText("0"));
        request.presence_penalty = Some(NumberText("0.50"));
        request.n = Some(3);
        request.logprobs = Some(true);
        request.top_logprobs = Some(5);
    });
    let expected = json!({"top_k": 40, "seed": 0, "presence_penalty": 0.5, "n": 3,
        "logprobs": true, "top_logprobs": 5});
    assert_eq!(parameters, expected);
    assert!(lossy.is_empty(), "{lossy:?}");
}

#[test]
fn what_has_no_word_is_declared() {
    let (parameters, lossy) = parameters(&target(&[]), |request| {
        request.frequency_penalty = Some(NumberText("1"));
        request.seed = Some(NumberText("-1"));
        request.end_user = Some("u".into());
        request.service_tier = Some("flex".into());
    });
    assert_eq!(parameters, json!({}));
    assert_eq!(lossy, ["frequency_penalty", "user", "service_tier", "seed"]);
}

#[test]
fn more_than_can_be_given_is_refused() {
    assert_eq!(refused(|request| request.n = Some(5)), "n");
    assert_eq!(refused(|request| request.n = Some(0)), "n");
    assert_eq!(
        refused(|request| request.top_logprobs = Some(6)),
        "top_logprobs"
    );
    let mut tools = hi();
    tools["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let several = |request: &mut ChatRequest<'_>| request.n = Some(2);
    let refusal = support::of_chat(&target(&[]), &tools, several).unwrap_err();
    assert_eq!(refusal.field, "n");
}

#[test]
fn thinking_is_switched_and_measured() {
    let told = |effort: Option<Effort>, budget_tokens: Option<u64>| {
        let control = ReasoningControl {
            effort,
            budget_tokens,
        };
        let target = target(&[Feature::Reasoning]);
        let (parameters, lossy) = parameters(&target, |request| request.reasoning = Some(control));
        (parameters, lossy == ["reasoning_effort"])
    };
    let on = |tokens: u64| json!({"enable_thinking": true, "thinking_budget": tokens});
    assert_eq!(told(None, None), (json!({"enable_thinking": true}), false));
    assert_eq!(
        told(Some(Effort::None), None),
        (json!({"enable_thinking": false}), false)
    );
    assert_eq!(told(Some(Effort::Minimal), None), (on(1_024), true));
    assert_eq!(told(Some(Effort::Low), None), (on(2_048), true));
    assert_eq!(
        told(Some(Effort::Max), None),
        (json!({"enable_thinking": true}), false)
    );
    assert_eq!(told(None, Some(3_000)), (on(3_000), false));
    assert_eq!(
        told(None, Some(0)),
        (json!({"enable_thinking": false}), false)
    );
    assert_eq!(told(Some(Effort::High), Some(3_000)), (on(3_000), true));
    let control = ReasoningControl {
        effort: Some(Effort::Low),
        budget_tokens: None,
    };
    let (parameters, lossy) = parameters(&target(&[]), |request| request.reasoning = Some(control));
    assert_eq!(
        parameters,
        json!({}),
        "a model that does not reason is told nothing"
    );
    assert_eq!(lossy, ["reasoning_effort"]);
}

#[test]
fn a_forced_call_comes_without_thinking() {
    let mut body = hi();
    body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    body["tool_choice"] = json!({"type": "function", "function": {"name": "f"}});
    let target = target(&[Feature::Reasoning]);
    let low = |request: &mut ChatRequest<'_>| {
        request.reasoning = Some(ReasoningControl {
            effort: Some(Effort::Low),
            budget_tokens: None,
        });
    };
    let (sent, lossy) = support::of_chat(&target, &body, low).unwrap();
    assert_eq!(sent["parameters"]["enable_thinking"], false);
    assert_eq!(sent["parameters"].get("thinking_budget"), None);
    assert_eq!(lossy, ["reasoning_effort"]);
    body["tool_choice"] = json!("auto");
    let (sent, _) = support::of_chat(&target, &body, low).unwrap();
    assert_eq!(sent["parameters"]["enable_thinking"], true);
}

#[test]
fn streams_are_asked_for_in_pieces() {
    let (parameters, _) = parameters(&target(&[]), |request| request.stream = true);
    assert_eq!(parameters, json!({"incremental_output": true}));
}

fn asked(target: &Target, words: &str, format: OutputFormat<'_>) -> (Value, Vec<&'static str>) {
    let text = json!({"model": "auto", "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": words}]});
    let text = text.to_string();
    let mut request = parse_chat_request(text.as_bytes()).unwrap();
    request.format = format;
    let (encoded, body) = support::encode(target, &request).unwrap();
    (body, encoded.lossy.fields().to_vec())
}

#[test]
fn an_object_is_asked_for_with_the_word() {
    let system = |features: &[Feature], words: &str| {
        let (body, lossy) = asked(&target(features), words, OutputFormat::JsonObject);
        assert_eq!(
            body["parameters"]["response_format"],
            json!({"type": "json_object"})
        );
        assert!(lossy.is_empty());
        body["input"]["messages"][0]["content"].clone()
    };
    assert_eq!(system(&[], "When?"), "Be brief.\n\nAnswer in JSON.");
    assert_eq!(system(&[], "When? As Json."), "Be brief.");
    assert_eq!(
        system(&[Feature::Vision], "When?"),
        json!([{"text": "Be brief."}, {"text": "Answer in JSON."}])
    );
    let set = |request: &mut ChatRequest<'_>| request.format = OutputFormat::JsonObject;
    let (body, _) = support::of_chat(&target(&[]), &hi(), set).unwrap();
    assert_eq!(
        body["input"]["messages"],
        json!([{"role": "system", "content": "Answer in JSON."},
            {"role": "user", "content": "Hi"}])
    );
}

fn format(schema: &str) -> OutputFormat<'_> {
    let raw: &RawValue = serde_json::from_str(schema).unwrap();
    OutputFormat::JsonSchema(JsonSchema {
        name: None,
        description: Some("a tide".into()),
        schema: Some(raw),
        strict: Some(true),
    })
}

#[test]
fn a_schema_that_holds_itself_is_told() {
    let schema = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
    let (body, lossy) = asked(&target(&[]), "When?", format(schema));
    assert_eq!(
        body["parameters"]["response_format"],
        json!({"type": "json_object"})
    );
    let told = body["input"]["messages"][0]["content"].as_str().unwrap();
    assert!(told.ends_with(schema), "{told}");
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn schemas_are_sent_where_the_model_takes_them_else_told() {
    let schema = r##"{"$defs":{"H":{"type":"integer","minimum":0}},"type":"object",
        "properties":{"hour":{"$ref":"#/$defs/H"}}}"##;
    let mut target = target(&[]);
    let (body, lossy) = asked(&target, "When?", format(schema));
    assert_eq!(
        body["parameters"]["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "answer", "description": "a tide",
            "strict": true, "schema": {"type": "object",
                "properties": {"hour": {"type": "integer", "minimum": 0}}}}})
    );
    assert!(lossy.is_empty());
    target.facts.structured_output = StructuredOutput::Object;
    let (body, lossy) = asked(&target, "When?", format(schema));
    assert_eq!(
        body["parameters"]["response_format"],
        json!({"type": "json_object"})
    );
    let told = body["input"]["messages"][0]["content"].as_str().unwrap();
    assert!(
        told.starts_with("Be brief.\n\n") && told.ends_with(schema),
        "{told}"
    );
    assert!(told.contains("JSON") && told.contains("a tide"), "{told}");
    assert_eq!(lossy, ["response_format"]);
}
