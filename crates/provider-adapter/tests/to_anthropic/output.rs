//! Answers that must follow a schema.

use serde_json::value::RawValue;
use steelyard_types::{
    Effort, JsonSchema, OutputFormat, ReasoningControl, StructuredOutput, Tool, ToolChoice,
};

use super::*;

const PERSON: &str = r#"{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"],"additionalProperties":false}"#;
const BOUNDED: &str = r#"{"type":"object","properties":{"age":{"type":"integer","minimum":0}},"additionalProperties":false}"#;
const MAP: &str = r#"{"type":"object","additionalProperties":{"type":"integer"}}"#;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn held(schema: &str) -> ChatRequest<'_> {
    let mut asked = request(vec![user("Who?")]);
    asked.format = OutputFormat::JsonSchema(JsonSchema {
        name: Some("person".into()),
        description: None,
        schema: Some(raw(schema)),
        strict: Some(true),
    });
    asked
}

fn styled(style: StructuredOutput) -> Target {
    let mut target = target();
    target.facts.structured_output = style;
    target
}

#[test]
fn current_models_decode_under_the_schema() {
    let (body, lossy) = sent(&held(PERSON), &target());
    let schema: Value = serde_json::from_str(PERSON).unwrap();
    let format = json!({"type": "json_schema", "schema": schema});
    assert_eq!(body["output_config"], json!({"format": format}));
    assert_eq!(lossy, [""; 0]);
    let mut asked = held(BOUNDED);
    asked.reasoning = Some(ReasoningControl {
        effort: Some(Effort::Low),
        budget_tokens: None,
    });
    let (body, lossy) = sent(&asked, &target());
    let age = &body["output_config"]["format"]["schema"]["properties"]["age"];
    assert_eq!(
        *age,
        json!({"type": "integer", "description": "minimum: 0"})
    );
    assert_eq!(body["output_config"]["effort"], "low");
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn older_models_are_made_to_call_the_answer() {
    let older = styled(StructuredOutput::Tool);
    let (body, lossy) = sent(&held(MAP), &older);
    let schema: Value = serde_json::from_str(MAP).unwrap();
    let tools = body["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0]["name"], "steelyard_answer");
    assert_eq!(tools[0]["input_schema"], schema);
    let forced = json!({"type": "tool", "name": "steelyard_answer"});
    assert_eq!(body["tool_choice"], forced);
    assert_eq!(lossy, ["response_format"]);
    // So are current ones where their decoder has no word for the schema.
    assert_eq!(sent(&held(MAP), &target()).0["tool_choice"], forced);
    let mut loose = held(PERSON);
    if let OutputFormat::JsonSchema(schema) = &mut loose.format {
        schema.strict = None;
    }
    assert_eq!(sent(&loose, &older).1, [""; 0]);
}

#[test]
fn the_clients_tools_stay_beside_the_answer() {
    let older = styled(StructuredOutput::Tool);
    let mut asked = held(PERSON);
    asked.tools = vec![Tool {
        name: "look".into(),
        ..Tool::default()
    }];
    for (choice, written, tools) in [
        (None, json!({"type": "any"}), 2),
        (Some(ToolChoice::Auto), json!({"type": "any"}), 2),
        (
            Some(ToolChoice::None),
            json!({"type": "tool", "name": "steelyard_answer"}),
            2,
        ),
        (Some(ToolChoice::Required), json!({"type": "any"}), 1),
        (
            Some(ToolChoice::Function("look".into())),
            json!({"type": "tool", "name": "look"}),
            1,
        ),
    ] {
        asked.tool_choice = choice;
        let (body, _) = sent(&asked, &older);
        assert_eq!(body["tool_choice"], written);
        assert_eq!(body["tools"].as_array().unwrap().len(), tools);
    }
    asked.tools[0].name = "steelyard_answer".into();
    assert_eq!(refused(&asked, &older), "tools");
}

#[test]
fn everything_else_is_told() {
    let mut object = request(vec![user("Who?")]);
    object.format = OutputFormat::JsonObject;
    let begun = message(Role::Assistant, [text("{")]);
    let mut prefilled = held(PERSON);
    prefilled.messages.push(begun);
    let mut unforced = styled(StructuredOutput::Tool);
    unforced.facts.refuses_forced_tool_choice = true;
    let list = held(r#"{"type":"array","items":{}}"#);
    for (asked, target, words) in [
        (object, target(), "one JSON object"),
        (held(PERSON), styled(StructuredOutput::Object), PERSON),
        (prefilled.clone(), styled(StructuredOutput::Tool), PERSON),
        (prefilled, target(), PERSON),
        (held(PERSON), unforced, PERSON),
        (list, target(), r#"{"type":"array","items":{}}"#),
    ] {
        let mut asked = asked;
        let rules = message(Role::System, [text("Be brief.")]);
        asked.messages.insert(0, rules);
        let (body, lossy) = sent(&asked, &target);
        assert_eq!(lossy, ["response_format"]);
        assert_eq!(body["system"][0]["text"], "Be brief.");
        let told = body["system"][1]["text"].as_str().unwrap();
        assert!(told.contains(words), "{told}");
        assert!(body.get("tools").is_none() && body.get("output_config").is_none());
    }
}

#[test]
fn an_object_of_any_members_is_told_and_never_strict() {
    for open in [
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{},"additionalProperties":true,"required":[]}"#,
        r#"{"type":"object","description":"anything","additionalProperties":{}}"#,
    ] {
        for target in [target(), styled(StructuredOutput::Tool)] {
            let mut asked = held(open);
            assert_eq!(refused(&asked, &target), "response_format", "{open}");
            if let OutputFormat::JsonSchema(schema) = &mut asked.format {
                schema.strict = None;
            }
            let (body, lossy) = sent(&asked, &target);
            assert_eq!(lossy, ["response_format"]);
            let told = body["system"].to_string();
            assert!(told.contains("JSON Schema"), "{body}");
            assert!(body.get("tools").is_none() && body.get("output_config").is_none());
        }
    }
    // One that says what its members are can be the input of a call.
    let (body, _) = sent(&held(MAP), &target());
    assert_eq!(body["tool_choice"]["name"], "steelyard_answer");
    // Which Anthropic refuses of one that combines several.
    let either = r#"{"type":"object","properties":{"a":{"type":"string"}},
        "anyOf":[{"required":["a"]}]}"#;
    let (body, lossy) = sent(&held(either), &styled(StructuredOutput::Tool));
    assert!(body.get("tools").is_none(), "{body}");
    assert_eq!(lossy, ["response_format"]);
}

#[test]
fn what_a_tool_combines_at_its_top_is_told() {
    let either = r#"{"properties":{"a":{"type":"string"},"b":{"type":"string"}},
        "anyOf":[{"required":["a"]},{"required":["b"]}],"$defs":{"x":{"anyOf":[]}}}"#;
    for strict in [None, Some(true)] {
        let mut asked = request(vec![user("Who?")]);
        asked.tools = vec![Tool {
            name: "look".into(),
            description: Some("Looks.".into()),
            parameters: Some(raw(either)),
            strict,
            ..Tool::default()
        }];
        let (body, lossy) = sent(&asked, &target());
        let tool = &body["tools"][0];
        assert_eq!(tool.get("strict"), None);
        let schema = &tool["input_schema"];
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["properties"]["b"]["type"], "string");
        assert!(schema.get("anyOf").is_none(), "{schema}");
        assert!(schema["$defs"]["x"].get("anyOf").is_some(), "{schema}");
        let told = tool["description"].as_str().unwrap();
        assert!(told.starts_with("Looks.\nThe input must also"), "{told}");
        assert!(told.contains(r#"{"required":["b"]}"#), "{told}");
        assert!(lossy.contains(&"tools.parameters"), "{lossy:?}");
    }
}

#[test]
fn the_forced_answer_leaves_no_room_for_thoughts() {
    let mut asked = held(PERSON);
    asked.reasoning = Some(ReasoningControl::default());
    let (body, lossy) = sent(&asked, &styled(StructuredOutput::Tool));
    assert_eq!(body.get("thinking"), None);
    assert_eq!(lossy, ["response_format", "reasoning_effort"]);
}

#[test]
fn strict_tools_have_closed_schemas_without_bounds() {
    let mut asked = request(vec![user("Who?")]);
    let mut strict = |schema| {
        asked.tools = vec![Tool {
            name: "look".into(),
            parameters: Some(raw(schema)),
            strict: Some(true),
            ..Tool::default()
        }];
        let (body, lossy) = sent(&asked, &target());
        (body["tools"][0].clone(), lossy)
    };
    let (tool, lossy) = strict(PERSON);
    assert_eq!((&tool["strict"], lossy.len()), (&json!(true), 0));
    let (tool, lossy) = strict(BOUNDED);
    assert_eq!(tool["strict"], true);
    let age = &tool["input_schema"]["properties"]["age"];
    assert_eq!(age["description"], "minimum: 0");
    assert_eq!(lossy, ["tools.strict"]);
    let (tool, lossy) = strict(MAP);
    assert_eq!(tool.get("strict"), None);
    assert_eq!(
        tool["input_schema"]["additionalProperties"]["type"],
        "integer"
    );
    assert_eq!(lossy, ["tools.strict"]);
    let (_, lossy) = sent(&asked, &styled(StructuredOutput::Tool));
    assert_eq!(lossy, ["tools.strict"]);
}
