//! Parameters: sampling, the form of the answer, thinking, tiers.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use steelyard_provider_adapter::ChatRequest;
use steelyard_types::{
    Effort, JsonSchema, ModelFacts, NumberText, OutputFormat, ReasoningControl, ReasoningStyle,
    StructuredOutput,
};

use super::support::{self, hi};
use super::target;

fn config(model: &str, set: impl FnOnce(&mut ChatRequest<'_>)) -> (Value, Vec<&'static str>) {
    let (body, lossy) = support::of_chat(&target(model), &hi(), set).unwrap();
    (body["generationConfig"].clone(), lossy)
}

fn refused(set: impl FnOnce(&mut ChatRequest<'_>)) -> String {
    let target = target("gemini-3-flash");
    support::of_chat(&target, &hi(), set).unwrap_err().field
}

#[test]
fn sampling_is_carried() {
    let (config, lossy) = config("gemini-3-flash", |request| {
        request.top_k = Some(NumberText("40"));
        request.seed = Some(NumberText("0"));
        request.presence_penalty = Some(NumberText("0.50"));
        request.frequency_penalty = Some(NumberText("-1"));
        request.n = Some(3);
        request.logprobs = Some(true);
        request.top_logprobs = Some(5);
    });
    let expected = json!({"topK": 40, "seed": 0, "presencePenalty": 0.5, "frequencyPenalty": -1,
        "candidateCount": 3, "responseLogprobs": true, "logprobs": 5});
    assert_eq!(config, expected);
    assert!(lossy.is_empty(), "{lossy:?}");
}

#[test]
fn what_has_no_word_is_declared() {
    let (config, lossy) = config("gemini-3-flash", |request| {
        request.seed = Some(NumberText("4294967296"));
        request.end_user = Some("u".into());
        request.service_tier = Some("scale".into());
    });
    assert_eq!(config, Value::Null);
    assert_eq!(lossy, ["user", "seed", "service_tier"]);
}

#[test]
fn more_answers_than_can_be_given_are_refused() {
    assert_eq!(refused(|request| request.n = Some(9)), "n");
    assert_eq!(refused(|request| request.n = Some(0)), "n");
    assert_eq!(
        refused(|request| request.top_logprobs = Some(21)),
        "top_logprobs"
    );
}

#[test]
fn tiers_are_named_in_geminis_words() {
    for (client, gemini) in [
        ("default", "standard"),
        ("flex", "flex"),
        ("priority", "priority"),
    ] {
        let set = |request: &mut ChatRequest<'_>| request.service_tier = Some(client.into());
        let (body, lossy) = support::of_chat(&target("gemini-3-flash"), &hi(), set).unwrap();
        assert_eq!(body["serviceTier"], gemini);
        assert!(lossy.is_empty());
    }
    let set = |request: &mut ChatRequest<'_>| request.service_tier = Some("auto".into());
    let (body, lossy) = support::of_chat(&target("gemini-3-flash"), &hi(), set).unwrap();
    assert_eq!(body.get("serviceTier"), None);
    assert!(lossy.is_empty());
}

fn thinking(style: ReasoningStyle, model: &str, control: ReasoningControl) -> (Value, bool) {
    let mut target = target(model);
    target.facts = ModelFacts {
        reasoning: style,
        ..ModelFacts::default()
    };
    let set = |request: &mut ChatRequest<'_>| request.reasoning = Some(control);
    let (body, lossy) = support::of_chat(&target, &hi(), set).unwrap();
    let config = body["generationConfig"]["thinkingConfig"].clone();
    (config, lossy == ["reasoning_effort"])
}

fn of(
    effort: impl Into<Option<Effort>>,
    budget_tokens: impl Into<Option<u64>>,
) -> ReasoningControl {
    ReasoningControl {
        effort: effort.into(),
        budget_tokens: budget_tokens.into(),
    }
}

#[test]
fn gemini_3_thinks_in_levels() {
    let level = |control| thinking(ReasoningStyle::Effort, "gemini-3-flash", control);
    let shown = |level: &str| json!({"includeThoughts": true, "thinkingLevel": level});
    assert_eq!(
        level(of(None, None)),
        (json!({"includeThoughts": true}), false)
    );
    assert_eq!(
        level(of(Effort::None, None)),
        (json!({"thinkingLevel": "MINIMAL"}), true)
    );
    assert_eq!(level(of(Effort::Low, None)), (shown("LOW"), false));
    assert_eq!(level(of(Effort::High, None)), (shown("HIGH"), false));
    assert_eq!(level(of(Effort::Max, None)), (shown("HIGH"), true));
    assert_eq!(level(of(None, 2_000)), (shown("MEDIUM"), true));
    let pro = |effort| thinking(ReasoningStyle::Effort, "gemini-3-pro", of(effort, None));
    assert_eq!(pro(Effort::Minimal), (shown("LOW"), true));
    assert_eq!(pro(Effort::Low), (shown("LOW"), false));
}

#[test]
fn gemini_2_5_thinks_in_tokens() {
    let budget = |control| thinking(ReasoningStyle::Budget, "gemini-2.5-flash", control);
    let shown = |tokens: i64| json!({"includeThoughts": true, "thinkingBudget": tokens});
    assert_eq!(budget(of(None, None)), (shown(-1), false));
    assert_eq!(
        budget(of(Effort::None, None)),
        (json!({"thinkingBudget": 0}), false)
    );
    assert_eq!(budget(of(Effort::Minimal, None)), (shown(1_024), true));
    assert_eq!(budget(of(Effort::Medium, None)), (shown(8_192), true));
    assert_eq!(budget(of(None, 2_000)), (shown(2_000), false));
    assert_eq!(budget(of(None, 99_999)), (shown(24_576), true));
    assert_eq!(budget(of(None, 0)), (json!({"thinkingBudget": 0}), false));
}

#[test]
fn a_model_that_does_not_reason_is_told_nothing() {
    let mut target = target("gemini-2.0-flash");
    target.features = steelyard_types::FeatureSet::EMPTY;
    let set = |request: &mut ChatRequest<'_>| request.reasoning = Some(of(Effort::Low, None));
    let (body, lossy) = support::of_chat(&target, &hi(), set).unwrap();
    assert_eq!(body.get("generationConfig"), None);
    assert_eq!(lossy, ["reasoning_effort"]);
}

const SCHEMA: &str = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema",
    "$defs":{"Tide":{"type":"object","properties":{"hour":{"type":"integer"}},
        "required":["hour"],"additionalProperties":false}},
    "type":"object","properties":{"second":{"$ref":"#/$defs/Tide"},"first":{"$ref":"#/$defs/Tide"}},
    "required":["second","first"],"additionalProperties":false}"##;

fn format(schema: &str) -> OutputFormat<'_> {
    let raw: &RawValue = serde_json::from_str(schema).unwrap();
    OutputFormat::JsonSchema(JsonSchema {
        name: Some("tides".into()),
        description: Some("both tides".into()),
        schema: Some(raw),
        strict: Some(true),
    })
}

fn asked(target: &steelyard_types::Target, schema: &str) -> (Value, Vec<&'static str>) {
    let text = hi().to_string();
    let mut request =
        steelyard_provider_adapter::openai::parse_chat_request(text.as_bytes()).unwrap();
    request.format = format(schema);
    let (encoded, body) = support::encode(target, &request).unwrap();
    (body, encoded.lossy.fields().to_vec())
}

#[test]
fn schemas_are_sent_with_their_references_inlined() {
    let (body, lossy) = asked(&target("gemini-3-flash"), SCHEMA);
    let config = &body["generationConfig"];
    let tide = json!({"type": "object", "properties": {"hour": {"type": "integer"}},
        "required": ["hour"], "additionalProperties": false});
    assert_eq!(config["responseMimeType"], "application/json");
    assert_eq!(
        config["responseJsonSchema"],
        json!({"type": "object", "properties": {"second": tide, "first": tide},
            "required": ["second", "first"], "additionalProperties": false})
    );
    assert_eq!(
        body["systemInstruction"]["parts"],
        json!([{"text": "What the answer is: both tides"}])
    );
    assert!(lossy.is_empty(), "{lossy:?}");
}

#[test]
fn constraints_that_are_not_enforced_are_told_and_declared() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string","minLength":2}}}"#;
    let (body, lossy) = asked(&target("gemini-3-flash"), schema);
    let property = &body["generationConfig"]["responseJsonSchema"]["properties"]["a"];
    assert_eq!(
        *property,
        json!({"type": "string", "description": "{\"minLength\":2}"})
    );
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn a_schema_that_holds_itself_is_told_in_words() {
    let body = json!({"model": "auto", "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "output_config": {"format": {"type": "json_schema", "schema":
            {"type": "object", "properties": {"next": {"$ref": "#"}}}}}});
    let (body, lossy) = support::of_messages(&target("gemini-3-flash"), &body).unwrap();
    let config = &body["generationConfig"];
    assert_eq!(config["responseMimeType"], "application/json");
    assert_eq!(config.get("responseJsonSchema"), None);
    let told = body["systemInstruction"]["parts"][0]["text"].as_str();
    let schema = r##"{"properties":{"next":{"$ref":"#"}},"type":"object"}"##;
    assert!(told.unwrap().ends_with(schema), "{told:?}");
    assert_eq!(lossy, ["output_config.format"]);
}

#[test]
fn a_model_without_schemas_is_told_in_words() {
    let mut target = target("gemini-3-flash");
    target.facts.structured_output = StructuredOutput::Object;
    let (body, lossy) = asked(&target, r#"{"type":"object"}"#);
    let config = &body["generationConfig"];
    assert_eq!(*config, json!({"responseMimeType": "application/json"}));
    let told = body["systemInstruction"]["parts"][0]["text"]
        .as_str()
        .unwrap();
    assert!(
        told.contains("both tides") && told.ends_with(r#"{"type":"object"}"#),
        "{told}"
    );
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn json_beside_tools_is_for_gemini_3() {
    let mut body = hi();
    body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let set = |request: &mut ChatRequest<'_>| request.format = OutputFormat::JsonObject;
    let (sent, _) = support::of_chat(&target("gemini-3-flash"), &body, set).unwrap();
    assert_eq!(
        sent["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );
    let refusal = support::of_chat(&target("gemini-2.5-flash"), &body, set).unwrap_err();
    assert_eq!(refusal.field, "response_format");
}
