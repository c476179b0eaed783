//! Thoughts in a history, and how much the model is to think.

use steelyard_types::{Effort, NumberText, ReasoningControl, ReasoningStyle, Tool, ToolChoice};

use super::*;

fn older() -> Target {
    let mut target = target();
    target.facts.reasoning = ReasoningStyle::Budget;
    target
}

fn effort(effort: Effort) -> Option<ReasoningControl> {
    Some(ReasoningControl {
        effort: Some(effort),
        budget_tokens: None,
    })
}

fn budget(tokens: u64) -> Option<ReasoningControl> {
    Some(ReasoningControl {
        effort: None,
        budget_tokens: Some(tokens),
    })
}

/// What is written of thinking, effort and limit, and what is lost.
fn asked(
    reasoning: Option<ReasoningControl>,
    limit: Option<u64>,
    target: &Target,
) -> (Value, Value, u64, Vec<&'static str>) {
    let mut request = request(vec![user("Hi")]);
    request.reasoning = reasoning;
    request.max_output_tokens = limit;
    let (body, lossy) = sent(&request, target);
    (
        body["thinking"].clone(),
        body["output_config"]["effort"].clone(),
        body["max_tokens"].as_u64().unwrap(),
        lossy,
    )
}

#[test]
fn own_thoughts_return_and_others_stay_behind() {
    let signature = sealed("sig");
    let data = sealed("data");
    let redacted = Part::Reasoning(ReasoningPart {
        redacted: Some(data.as_str().into()),
        ..ReasoningPart::default()
    });
    let mut messages = called(Some(thoughts("hm", &signature)));
    messages[1].content.insert(1, redacted);
    let (body, lossy) = sent(&request(messages.clone()), &target());
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "data"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"x": 1.5}},
        ])
    );
    assert_eq!(lossy, [""; 0]);
    let mut other = target();
    other.upstream = Arc::from("claude-y");
    let unsigned = called(Some(thoughts("hm", "")));
    let unmarked = called(Some(thoughts("hm", "sig")));
    for (messages, target) in [
        (messages, other),
        (unsigned, target()),
        (unmarked, target()),
    ] {
        let (body, lossy) = sent(&request(messages), &target);
        let blocks = body["messages"][1]["content"].as_array().unwrap();
        assert_eq!(blocks.len(), 2, "{body}");
        assert_eq!(lossy, ["messages.reasoning"]);
    }
}

#[test]
fn thoughts_that_nothing_was_said_after_stay_behind() {
    let signature = sealed("sig");
    let cut = message(Role::Assistant, [thoughts("hm", &signature)]);
    let (body, lossy) = sent(&request(vec![user("Hi"), cut, user("Go on")]), &target());
    let said = [json!("Hi"), json!("Go on")];
    let messages = body["messages"].as_array().unwrap();
    let found: Vec<_> = messages.iter().map(|one| one["content"].clone()).collect();
    assert_eq!(found, said);
    assert_eq!(lossy, ["messages.reasoning"]);
}

#[test]
fn current_models_are_told_an_effort() {
    let adaptive = json!({"type": "adaptive"});
    let cases = [
        (effort(Effort::Low), "low", false),
        (effort(Effort::High), "high", false),
        (effort(Effort::Max), "max", false),
        (effort(Effort::Minimal), "low", true),
        (budget(2_000), "low", true),
        (budget(10_000), "medium", true),
        (budget(60_000), "high", true),
    ];
    for (control, word, lost) in cases {
        let (thinking, effort, _, lossy) = asked(control, None, &target());
        assert_eq!(
            (thinking, effort),
            (adaptive.clone(), json!(word)),
            "{control:?}"
        );
        assert_eq!(lossy == ["reasoning_effort"], lost, "{control:?}");
    }
    let (thinking, effort, _, lossy) = asked(Some(ReasoningControl::default()), None, &target());
    assert_eq!((thinking, effort, lossy.len()), (adaptive, json!(null), 0));
}

#[test]
fn older_models_are_told_a_budget() {
    // What is asked for, the client's limit; budget and limit that are written, and what is lost.
    let cases = [
        (budget(2_000), None, Some(2_000), 21_000, false),
        (budget(500), None, Some(1_024), 21_000, true),
        (budget(60_000), None, Some(48_000), 64_000, true),
        (effort(Effort::Low), Some(4_000), Some(2_048), 4_000, true),
        (effort(Effort::High), None, Some(24_576), 32_768, true),
        (effort(Effort::High), Some(4_000), Some(3_000), 4_000, true),
        (effort(Effort::High), Some(1_200), Some(1_024), 1_200, true),
        (effort(Effort::High), Some(1_024), None, 1_024, true),
        (effort(Effort::Max), None, Some(48_000), 64_000, true),
        (
            Some(ReasoningControl::default()),
            None,
            Some(8_192),
            21_000,
            false,
        ),
    ];
    for (control, limit, tokens, max_tokens, lost) in cases {
        let (thinking, effort, written, lossy) = asked(control, limit, &older());
        let expected = tokens.map_or(
            json!(null),
            |tokens| json!({"type": "enabled", "budget_tokens": tokens}),
        );
        assert_eq!((thinking, written), (expected, max_tokens), "{control:?}");
        assert_eq!(effort, json!(null));
        assert_eq!(lossy == ["reasoning_effort"], lost, "{control:?}");
    }
}

#[test]
fn no_effort_is_no_thinking() {
    for target in [target(), older()] {
        let (thinking, effort, _, lossy) = asked(effort(Effort::None), Some(500), &target);
        assert_eq!(thinking, json!({"type": "disabled"}));
        assert_eq!((effort, lossy.len()), (json!(null), 0));
    }
    let mut plain = target();
    plain.features = FeatureSet::EMPTY;
    let (thinking, _, _, lossy) = asked(effort(Effort::None), None, &plain);
    assert_eq!((thinking, lossy.len()), (json!(null), 0));
    let (thinking, _, _, lossy) = asked(effort(Effort::High), None, &plain);
    assert_eq!((thinking, lossy), (json!(null), vec!["reasoning_effort"]));
}

#[test]
fn a_forced_call_and_a_prefill_are_worth_more_than_thoughts() {
    for target in [target(), older()] {
        let mut forced = request(vec![user("Hi")]);
        forced.reasoning = effort(Effort::High);
        forced.tools = vec![Tool {
            name: "now".into(),
            ..Tool::default()
        }];
        forced.tool_choice = Some(ToolChoice::Required);
        let (body, lossy) = sent(&forced, &target);
        assert_eq!(body.get("thinking"), None);
        assert_eq!(body["tool_choice"]["type"], "any");
        assert_eq!(lossy, ["reasoning_effort"]);
        let begun = message(Role::Assistant, [text("Well")]);
        let mut prefill = request(vec![user("Hi"), begun]);
        prefill.reasoning = effort(Effort::High);
        let (body, lossy) = sent(&prefill, &target);
        assert_eq!(body.get("thinking"), None);
        assert_eq!(lossy, ["reasoning_effort"]);
    }
}

#[test]
fn calls_without_thoughts_cannot_be_gone_on_from_with_a_budget() {
    let signature = sealed("sig");
    let thinks = |first, target: &Target| {
        let mut asked = request(called(first));
        asked.reasoning = budget(2_000);
        let (body, lossy) = sent(&asked, target);
        (!body["thinking"].is_null(), lossy)
    };
    let own = || Some(thoughts("hm", &signature));
    assert_eq!(thinks(own(), &older()), (true, vec![]));
    assert_eq!(thinks(None, &older()), (false, vec!["reasoning_effort"]));
    let foreign = Some(thoughts("hm", "other"));
    assert_eq!(
        thinks(foreign, &older()),
        (false, vec!["reasoning_effort", "messages.reasoning"])
    );
    assert!(thinks(None, &target()).0, "adaptive thinking needs none");
    // Once the model has answered, the calls are done with.
    let mut messages = called(None);
    messages.extend([message(Role::Assistant, [text("Rain.")]), user("Thanks")]);
    let mut asked = request(messages);
    asked.reasoning = budget(2_000);
    assert!(sent(&asked, &older()).0["thinking"].is_object());
}

#[test]
fn who_thinks_takes_no_sampling() {
    for (temperature, top_p, top_k, lost) in [
        (Some("1"), None, None, vec![]),
        (Some("0.2"), None, Some("5"), vec!["temperature", "top_k"]),
        (None, Some("0.5"), None, vec!["top_p"]),
        (None, Some("0.96"), None, vec![]),
    ] {
        let mut asked = request(vec![user("Hi")]);
        asked.reasoning = effort(Effort::High);
        asked.temperature = temperature.map(NumberText);
        asked.top_p = top_p.map(NumberText);
        asked.top_k = top_k.map(NumberText);
        let (body, lossy) = sent(&asked, &target());
        assert_eq!(lossy, lost);
        assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
        let kept = top_p.filter(|_| lost.is_empty()).is_some();
        assert_eq!(body.get("top_p").is_some(), kept);
    }
}
