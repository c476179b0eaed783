//! Custom tools, and what else stands in calls, towards servers that do not know it.

use super::*;

const TOOLS: &str = r#""tools":[{"type":"function","function":{"name":"f"}},
    {"type":"custom","custom":{"name":"c"}}]"#;

const WITHOUT: [WireProfile; 3] = [
    WireProfile::MISTRAL,
    WireProfile::DEEPSEEK,
    WireProfile::DASHSCOPE,
];

fn with(messages: &str, extra: &str) -> String {
    format!(r#"{{"model":"a","messages":{messages},{extra}}}"#)
}

/// A call of the custom tool and its result; `more` are further fields of the call's message.
fn history(more: &str) -> String {
    format!(
        r#"[{{"role":"user","content":"x"}},{{"role":"assistant"{more},"tool_calls":[
            {{"id":"aaaaaaaaa","type":"custom","custom":{{"name":"c","input":"i"}}}}]}},
            {{"role":"tool","tool_call_id":"aaaaaaaaa","content":"r"}}]"#
    )
}

#[test]
fn custom_tools_are_refused_by_name_where_they_are_not_known() {
    let reason = "is custom, which is not carried to up/\"stream\"";
    let choice = r#""tool_choice":{"type":"custom","custom":{"name":"c"}}"#;
    for (body, field) in [
        (with(HI, TOOLS), "tools[1].type"),
        (with(HI, choice), "tool_choice"),
        (
            with(&history(""), r#""n":1"#),
            "messages[1].tool_calls[0].type",
        ),
        // Another field that is not understood hides nothing.
        (
            with(&history(r#","prefix":true"#), r#""n":1"#),
            "messages[1].tool_calls[0].type",
        ),
    ] {
        for profile in WITHOUT {
            let said = refused(&body, &target(profile));
            assert_eq!(said, format!("{field} {reason}"), "{body}");
        }
        for profile in [WireProfile::OPENAI, WireProfile::COMPATIBLE] {
            assert!(sent(&body, profile).contains(r#""custom":{"name":"c""#));
        }
    }
}

#[test]
fn custom_tools_that_may_not_be_called_are_refused_where_they_would_be_sent() {
    let choice = r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",
        "tools":[{"type":"function","function":{"name":"f"}}]}}"#;
    let body = with(HI, &format!("{TOOLS},{choice}"));
    let told: serde_json::Value = serde_json::from_str(&sent(&body, WireProfile::MISTRAL)).unwrap();
    let expected = serde_json::json!([{"type": "function", "function": {"name": "f"}}]);
    assert_eq!(told["tools"], expected);
    for profile in [WireProfile::DEEPSEEK, WireProfile::DASHSCOPE] {
        let said = refused(&body, &target(profile));
        assert!(said.starts_with("tools[1].type is custom"), "{said}");
    }
}

#[test]
fn unknown_members_of_called_functions_are_refused_by_the_strict() {
    let call = |more: &str| {
        format!(
            r#"[{{"role":"user","content":"x"}},{{"role":"assistant","tool_calls":[
            {{"id":"aaaaaaaaa","type":"function","index":0,
              "function":{{"name":"f","arguments":"{{}}"{more}}}}}]}},
            {{"role":"tool","tool_call_id":"aaaaaaaaa","content":"r"}}]"#
        )
    };
    let strict = target(WireProfile::MISTRAL);
    let why = "is not known to this provider, which refuses unknown fields";
    let body = with(&call(r#","foo":1"#), r#""n":1"#);
    let said = refused(&body, &strict);
    assert_eq!(
        said,
        format!("messages[1].tool_calls[0].function.foo {why}")
    );
    assert!(sent(&body, WireProfile::COMPATIBLE).contains(r#""foo":1"#));
    let deprecated = r#"[{"role":"user","content":"x"},{"role":"assistant","content":null,
        "function_call":{"name":"f","arguments":"{}","foo":1}},
        {"role":"function","name":"f","content":"r"}]"#;
    let said = refused(&with(deprecated, r#""n":1"#), &strict);
    assert_eq!(said, format!("messages[1].function_call.foo {why}"));
    let plain = with(&call(""), r#""n":1"#);
    assert_eq!(lost(&plain, &strict), [""; 0]);
}
