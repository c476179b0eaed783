//! The deprecated form of tools and calls.

use serde_json::{Value, json};

use super::*;

const FUNCTIONS: &str =
    r#"[ {"name":"f","parameters":{"type": "object"},"own":1.50},{"name":"g"} ]"#;

fn json(body: &str, profile: WireProfile) -> Value {
    assert_eq!(lost(body, &target(profile)), [""; 0], "{body}");
    serde_json::from_str(&sent(body, profile)).unwrap()
}

fn with(extra: &str) -> String {
    format!(r#"{{"model":"a","messages":{HI},{extra}}}"#)
}

#[test]
fn copies_are_told_of_functions_as_tools() {
    for (choice, expected) in [
        ("\"auto\"", json!("auto")),
        ("\"none\"", json!("none")),
        (
            r#"{"name": "g"}"#,
            json!({"type": "function", "function": {"name": "g"}}),
        ),
    ] {
        let body = with(&format!(
            r#""functions":{FUNCTIONS},"tools":null,"function_call":{choice},"tool_choice":null"#
        ));
        for profile in [
            WireProfile::COMPATIBLE,
            WireProfile::DASHSCOPE,
            WireProfile::DEEPSEEK,
            WireProfile::MISTRAL,
        ] {
            let is_strict = profile == WireProfile::MISTRAL;
            let own = if is_strict { "" } else { ",\"own\":1.50" };
            let body = body.replace(",\"own\":1.50", own);
            let told = json(&body, profile);
            let mut function = json!({"name": "f", "parameters": {"type": "object"}});
            if !is_strict {
                function["own"] = json!(1.5);
            }
            let tools = json!([
                {"type": "function", "function": function},
                {"type": "function", "function": {"name": "g"}}]);
            assert_eq!(told["tools"], tools);
            assert_eq!(told["tool_choice"], expected);
            // One call, of servers that know the word.
            let single = (profile != WireProfile::DEEPSEEK && choice != "\"none\"")
                .then_some(&Value::Bool(false));
            assert_eq!(told.get("parallel_tool_calls"), single);
            assert!(told.get("functions").is_none() && told.get("function_call").is_none());
        }
        let raw = sent(&body, WireProfile::COMPATIBLE);
        assert!(raw.contains(r#""parameters":{"type": "object"},"own":1.50}"#));
        assert_eq!(raw.matches("\"tools\":").count(), 1);
        assert_eq!(raw.matches("\"tool_choice\":").count(), 1);
        // OpenAI takes them, and so may a server of which the policy says it.
        let knows = WireProfile {
            functions: true,
            ..WireProfile::COMPATIBLE
        };
        for profile in [WireProfile::OPENAI, knows] {
            let kept = sent(&body, profile);
            assert_eq!(kept, body.replace("\"a\"", "\"up/\\\"stream\\\"\""));
        }
    }
}

#[test]
fn the_strict_refuse_unknown_members_of_functions_by_name() {
    let why = "is not known to this provider, which refuses unknown fields";
    for (body, field) in [
        (
            with(&format!(r#""functions":{FUNCTIONS}"#)),
            "functions[0].own",
        ),
        (
            with(r#""tools":[{"type":"function","function":{"name":"f","own":1}}]"#),
            "tools[0].function.own",
        ),
    ] {
        let refusal = refused(&body, &target(WireProfile::MISTRAL));
        assert_eq!(refusal, format!("{field} {why}"));
    }
}

#[test]
fn what_says_nothing_is_left_out() {
    let tools = r#""tools":[{"type":"function","function":{"name":"t"}}]"#;
    let body = with(&format!(r#""functions":[],"function_call":null,{tools}"#));
    let told = sent(&body, WireProfile::COMPATIBLE);
    assert!(told.ends_with(&format!(",{tools}}}")), "{told}");
    // There is nothing to choose from, so that the choice says nothing.
    let told = json(&with(r#""function_call":"auto""#), WireProfile::COMPATIBLE);
    assert!(told.get("tool_choice").is_none() && told.get("function_call").is_none());
    // The deprecated word for a choice among tools.
    let body = with(&format!(r#""function_call":{{"name":"t"}},{tools}"#));
    let told = json(&body, WireProfile::COMPATIBLE);
    assert_eq!(told["tool_choice"]["function"]["name"], "t");
}

#[test]
fn marks_for_a_cache_stay_behind_where_they_are_refused() {
    let mark = r#""cache_control":{"type":"ephemeral"}"#;
    let body = with(&format!(r#""functions":[{{"name":"f",{mark}}}]"#));
    assert_eq!(
        lost(&body, &target(WireProfile::MISTRAL)),
        ["cache_control"]
    );
    assert!(!sent(&body, WireProfile::MISTRAL).contains("cache_control"));
    assert!(sent(&body, WireProfile::COMPATIBLE).contains(mark));
}

#[test]
fn a_history_in_the_deprecated_form_is_told_in_the_newer_one() {
    let call = |arguments: &str| json!({"name": "f", "arguments": arguments});
    let body = json!({"model": "a", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "function_call": call("{\"x\": 1.50}")},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": "So", "function_call": call("")},
        {"role": "function", "name": "f", "content": "2"}]})
    .to_string();
    for profile in [WireProfile::COMPATIBLE, WireProfile::MISTRAL] {
        let told = json(&body, profile);
        let id = |at: usize| {
            told["messages"][at]["tool_calls"][0]["id"]
                .as_str()
                .unwrap()
        };
        if profile == WireProfile::MISTRAL {
            assert!(is_nine_alphanumerics(id(1)) && is_nine_alphanumerics(id(3)));
        }
        assert_ne!(id(1), id(3));
        let calls = |at: usize, arguments: &str| json!([{"id": id(at), "type": "function", "function": call(arguments)}]);
        let expected = json!([
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": null, "tool_calls": calls(1, "{\"x\": 1.50}")},
            {"role": "tool", "tool_call_id": id(1), "name": "f", "content": "1"},
            {"role": "assistant", "content": "So", "tool_calls": calls(3, "")},
            {"role": "tool", "tool_call_id": id(3), "name": "f", "content": "2"}]);
        assert_eq!(told["messages"], expected);
    }
    let kept = sent(&body, WireProfile::OPENAI);
    assert!(kept.contains("\"function_call\"") && kept.contains("\"role\":\"function\""));
    // An id that only looks like one of those that are given here.
    let own = json!({"model": "a", "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [
            {"id": "function_call_7", "type": "function", "function": call("{}")}]},
        {"role": "tool", "tool_call_id": "function_call_7", "content": "1"}]});
    let told = sent(&own.to_string(), WireProfile::COMPATIBLE);
    assert_eq!(told.matches("\"tool_call_id\"").count(), 1, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["messages"], own["messages"]);
}

#[test]
fn what_has_no_place_in_the_newer_form_is_refused_by_name() {
    let tools = r#""tools":[{"type":"function","function":{"name":"t"}}]"#;
    let call = r#"{"name":"f","arguments":"{}"}"#;
    let saying = |messages: &str| {
        format!(r#"{{"model":"a","messages":[{{"role":"user","content":"x"}},{messages}]}}"#)
    };
    for (body, reason) in [
        (
            with(&format!(r#""functions":{FUNCTIONS},{tools}"#)),
            "functions stands beside tools, and up/\"stream\" takes one of them",
        ),
        (
            with(&format!(
                r#""function_call":"none","tool_choice":"auto",{tools}"#
            )),
            "function_call stands beside tool_choice, and up/\"stream\" takes one of them",
        ),
        (
            with(r#""function_call":{"name":"f"}"#),
            "function_call asks for a call, but there are no functions",
        ),
        (
            with(r#""functions":[{"name":"f"}],"function_call":{"name":"h"}"#),
            "function_call names none of the functions",
        ),
        (
            saying(r#"{"role":"function","name":"f","content":"1"}"#),
            "messages[1].role is function, and no function_call stands before it",
        ),
        (
            saying(&format!(
                r#"{{"role":"user","content":"x","function_call":{call}}}"#
            )),
            "messages[1].function_call has no place beside what up/\"stream\" is told",
        ),
    ] {
        assert_eq!(refused(&body, &target(WireProfile::COMPATIBLE)), reason);
        refused(&body, &target(WireProfile::MISTRAL));
        let kept = sent(&body, WireProfile::OPENAI);
        assert_eq!(
            kept,
            body.replace("\"a\",\"messages\"", "\"up/\\\"stream\\\"\",\"messages\"")
        );
    }
    let mut thinking = target(WireProfile::COMPATIBLE);
    thinking.facts.refuses_forced_tool_choice = true;
    let forced = with(&format!(
        r#""functions":{FUNCTIONS},"function_call":{{"name":"f"}}"#
    ));
    assert!(refused(&forced, &thinking).starts_with("function_call forces a call"));
}

/// A conversation in which calls in both forms got these results.
fn both_forms(results: &[Value]) -> Value {
    let mut messages = vec![
        json!({"role": "user", "content": "x"}),
        json!({"role": "assistant", "content": null,
            "function_call": {"name": "f", "arguments": "{\"x\": 1.50}"},
            "tool_calls": [
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}, "own": 1},
                {"id": "c", "index": 1, "type": "function", "function": {"name": "g", "arguments": "{}"}}]}),
    ];
    messages.extend_from_slice(results);
    messages.push(json!({"role": "user", "content": "and?"}));
    json!({"model": "a", "functions": [{"name": "f"}, {"name": "g"}], "messages": messages})
}

fn result(id: Option<&str>, name: &str, content: &str) -> Value {
    match id {
        Some(id) => json!({"role": "tool", "tool_call_id": id, "content": content}),
        None => json!({"role": "function", "name": name, "content": content}),
    }
}

type Case<'c> = (&'c [Value], &'c [(&'c str, &'c str)], &'c [&'c str]);

#[test]
fn calls_of_both_forms_become_one_turn() {
    let f = |content| result(None, "f", content);
    let g = |content| result(None, "g", content);
    let tool = |id, content| result(Some(id), "", content);
    let both = ["messages.function_call", "messages.tool_calls"];
    // Results, the calls that are left as name and answer, what is lost.
    let cases: [Case<'_>; 8] = [
        (
            &[f("1"), tool("b", "2"), tool("c", "3")],
            &[("f", "1"), ("g", "2"), ("g", "3")],
            &[],
        ),
        (
            &[tool("c", "3"), g("2"), f("1")],
            &[("f", "1"), ("g", "2"), ("g", "3")],
            &[],
        ),
        (
            &[g("2"), g("3"), f("1")],
            &[("f", "1"), ("g", "2"), ("g", "3")],
            &[],
        ),
        (&[f("1")], &[("f", "1")], &both[1..]),
        // The first call is meant where no other has that name.
        (&[result(None, "h", "1")], &[("f", "1")], &both[1..]),
        (
            &[f("1"), tool("c", "3")],
            &[("f", "1"), ("g", "3")],
            &both[1..],
        ),
        (
            &[tool("b", "2"), tool("c", "3")],
            &[("g", "2"), ("g", "3")],
            &both[..1],
        ),
        (&[tool("c", "3")], &[("g", "3")], &both),
    ];
    for (results, expected, losses) in cases {
        let body = both_forms(results).to_string();
        for profile in [
            WireProfile::OPENAI,
            WireProfile::COMPATIBLE,
            WireProfile::MISTRAL,
        ] {
            assert_eq!(lost(&body, &target(profile)), *losses, "{body}");
            let told: Value = serde_json::from_str(&sent(&body, profile)).unwrap();
            let messages = told["messages"].as_array().unwrap();
            let call = &messages[1];
            assert!(call.get("function_call").is_none(), "{told}");
            let answer_to = |id: &Value| {
                let mut results = messages[2..].iter();
                let result = results.find(|one| one["tool_call_id"] == *id);
                result.unwrap_or_else(|| panic!("{id} in {told}"))["content"]
                    .as_str()
                    .unwrap()
            };
            let calls = call["tool_calls"].as_array().unwrap();
            let found: Vec<_> = calls
                .iter()
                .map(|one| {
                    assert_eq!(one["type"], "function");
                    let name = one["function"]["name"].as_str().unwrap();
                    (name, answer_to(&one["id"]))
                })
                .collect();
            assert_eq!(found, expected, "{body}");
            let roles = messages.iter().map(|one| one["role"].as_str().unwrap());
            let roles: Vec<_> = roles.filter(|role| *role == "tool").collect();
            assert_eq!(roles.len(), expected.len());
            assert_eq!(messages.len(), 3 + results.len());
        }
    }
    // Without any result it is refused as other calls are, by those who refuse them.
    let silent = both_forms(&[]).to_string();
    let told: Value = serde_json::from_str(&sent(&silent, WireProfile::COMPATIBLE)).unwrap();
    assert_eq!(
        told["messages"][1]["tool_calls"].as_array().unwrap().len(),
        3
    );
    assert_eq!(lost(&silent, &target(WireProfile::COMPATIBLE)), [""; 0]);
}
