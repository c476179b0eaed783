//! Which turn of a conversation is scored.

use serde_json::{Value, json};
use steelyard_provider_adapter::client_dialect;
use steelyard_types::{Dialect, UnixMillis};

use super::*;

pub(super) const HARD: &str =
    "Prove rigorously that the Riemann zeta function has no zeros for Re(s) > 1.";

pub(super) fn complexity(dialect: Dialect, request: &Value) -> f32 {
    let body = request.to_string();
    let request = client_dialect(dialect).parse(body.as_bytes());
    let request = request.unwrap_or_else(|error| panic!("{}: {body}", error.message));
    weigh(&request, UnixMillis(0), Scorer::shipped()).complexity
}

pub(super) fn chat(messages: &Value) -> f32 {
    complexity(
        Dialect::OpenAiChat,
        &json!({ "model": "auto", "messages": messages }),
    )
}

pub(super) fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

pub(super) fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

#[test]
fn going_on_is_scored_as_what_goes_on() {
    let begun = assistant("First, write the product over all primes.");
    let of = |last: &str| chat(&json!([user(HARD), begun, user(last)]));
    let alone = chat(&json!([user("continue")]));
    for last in ["continue", "Yes, do it.", "ok go ahead", "请继续", "weiter"] {
        assert!(of(last) > alone + 0.3, "{last}: {} {alone}", of(last));
    }
    // The task itself, in the same place, has the same text; only bytes of the history differ.
    assert!((of("continue") - of(HARD)).abs() < 0.05);
    assert!(of("Thanks!") < of("continue") - 0.3);
    assert!(of("why?") < of("continue"));
}

#[test]
fn with_nothing_before_it_a_reference_is_scored_itself() {
    let alone = chat(&json!([user("continue")]));
    assert!(alone < 0.3, "{alone}");
    let persona = json!({ "role": "system", "content": "You are a mathematician of few words." });
    let instructed = chat(&json!([persona, user("continue")]));
    assert!(instructed < 0.3, "{instructed}");
    let twice = chat(&json!([
        user("go on"),
        assistant("With what?"),
        user("continue")
    ]));
    assert!(twice < 0.3, "{twice}");
}

#[test]
fn a_task_in_the_system_message_counts_in_every_dialect() {
    let easy =
        "Translate the message into French.\nReply with the translation only and nothing else.";
    let persona = "You are a helpful assistant.";
    let chat = |role: &str, system: &str| {
        let messages = json!([{ "role": role, "content": system }, user(HARD)]);
        chat(&messages)
    };
    let messages = |system: Value| {
        let body = json!({ "model": "auto", "max_tokens": 900, "system": system, "messages": [user(HARD)] });
        complexity(Dialect::AnthropicMessages, &body)
    };
    let responses = |system: &str| {
        let body = json!({ "model": "auto", "instructions": system, "input": HARD });
        complexity(Dialect::OpenAiResponses, &body)
    };
    let alone = complexity(
        Dialect::OpenAiChat,
        &json!({ "model": "auto", "messages": [user(HARD)] }),
    );
    let told = chat("system", easy);
    assert!(told < alone - 0.2, "{told} {alone}");
    // Blocks are paragraphs.
    let pieces: Vec<Value> = easy
        .lines()
        .map(|line| json!({ "type": "text", "text": line }))
        .collect();
    for same in [
        chat("developer", easy),
        messages(json!(easy)),
        messages(json!(pieces)),
        responses(easy),
    ] {
        assert_eq!(same.to_bits(), told.to_bits());
    }
    for same in [
        chat("system", persona),
        messages(json!(persona)),
        responses(persona),
    ] {
        assert!((same - alone).abs() < 0.05, "{same} {alone}");
    }
}

#[test]
fn several_references_lead_to_the_task_before_them_all() {
    let begun = assistant("First,");
    let easy = user("What is the capital of Italy?");
    let chain = json!([
        easy,
        begun,
        user(HARD),
        begun,
        user("continue"),
        begun,
        user("next"),
        begun,
        user("go on")
    ]);
    let direct = json!([
        easy,
        begun,
        user("Hi!"),
        begun,
        user("Hi!"),
        begun,
        user("Hi!"),
        begun,
        user(HARD)
    ]);
    assert!((chat(&chain) - chat(&direct)).abs() < 0.05);
    // The latest task counts, not the hardest.
    let done = json!([user(HARD), begun, easy, begun, user("continue")]);
    assert!(chat(&done) < chat(&chain) - 0.3);
}

#[test]
fn a_turn_that_goes_on_is_scored_with_what_it_goes_on_about() {
    let begun = assistant("First, write the product over all primes.");
    let after = |task: &str, last: &str| chat(&json!([user(task), begun, user(last)]));
    for last in [
        "That is wrong, fix it.",
        "why?",
        "and for n = 2?",
        "yes",
        "这不对，重新算",
    ] {
        let (easy, hard) = (after("Hello there!", last), after(HARD, last));
        assert!(hard > easy + 0.2, "{last}: {easy} {hard}");
        assert!(hard < after(HARD, "continue"), "{last}: {hard}");
        // With nothing before it there is nothing to go on about.
        let alone = chat(&json!([user(last)]));
        assert!(alone < hard - 0.1, "{last}: {alone} {hard}");
    }
    for last in ["Thanks, that is all.", "What is the capital of Italy?"] {
        let (easy, hard) = (after("Hello there!", last), after(HARD, last));
        assert!((hard - easy).abs() < 0.02, "{last}: {easy} {hard}");
    }
    // Several lead to the task before them all, references too.
    let chain = chat(&json!([
        user(HARD),
        begun,
        user("why?"),
        begun,
        user("continue"),
        begun,
        user("fix it")
    ]));
    assert!((chain - after(HARD, "fix it")).abs() < 0.05, "{chain}");
    let chain = chat(&json!([
        user(HARD),
        begun,
        user("fix it"),
        begun,
        user("continue")
    ]));
    assert!((chain - after(HARD, "fix it")).abs() < 0.05, "{chain}");
}

#[test]
fn a_picture_with_few_words_is_no_easy_task() {
    let picture =
        json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let turn = |text: &str| {
        let text = json!({ "type": "text", "text": text });
        json!({ "role": "user", "content": [picture, text] })
    };
    let words = "Describe in a short sentence what you see in this nice photograph of my cat.";
    let (bare, few, told) = (
        chat(&json!([{ "role": "user", "content": [picture] }])),
        chat(&json!([turn("Solve this")])),
        chat(&json!([turn(words)])),
    );
    assert!(bare > 0.2 && bare < 0.6, "{bare}");
    assert!(few > chat(&json!([user("Solve this")])) + 0.1, "{few}");
    assert!(told < few, "{told} {few}");
    // After a task it is about the task.
    let begun = assistant("Please show me the figure.");
    let shown = |last: Value| chat(&json!([user(HARD), begun, last]));
    assert!(shown(json!({ "role": "user", "content": [picture] })) > bare + 0.2);
    assert!(shown(turn("continue")) > bare + 0.2);
    // One that was shown before says nothing of the last turn.
    let earlier = chat(&json!([
        turn("What is this?"),
        assistant("A cat."),
        user("Thanks!")
    ]));
    assert!(earlier < 0.1, "{earlier}");
}

#[test]
fn turns_of_tools_between_are_no_tasks() {
    let tools = json!([{ "name": "run", "input_schema": { "type": "object" } }]);
    let request = |last: &str| {
        json!({ "model": "auto", "max_tokens": 900, "tools": tools, "messages": [
            user(HARD),
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "t", "name": "run", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "t", "content": "continue" },
            ] },
            assistant("It ran."),
            user(last),
        ] })
    };
    let of = |last: &str| complexity(Dialect::AnthropicMessages, &request(last));
    assert!((of("continue") - of(HARD)).abs() < 0.05);
    // A call of a built-in tool is an item without words here.
    let input = |last: Value| {
        json!({ "model": "auto", "input": [
            user(HARD),
            { "type": "computer_call_output", "call_id": "c", "output": {} },
            last,
        ] })
    };
    let of = |last: Value| complexity(Dialect::OpenAiResponses, &input(last));
    assert!((of(user("continue")) - of(user(HARD))).abs() < 0.05);
    let still = of(json!({ "type": "computer_call_output", "call_id": "d", "output": {} }));
    assert!((still - of(user(HARD))).abs() < 0.1, "{still}");
}

#[test]
fn the_shape_is_that_of_the_whole_request() {
    let body =
        json!({ "model": "auto", "messages": [user(HARD), assistant("First,"), user("continue")] });
    let body = body.to_string();
    let request = client_dialect(Dialect::OpenAiChat)
        .parse(body.as_bytes())
        .expect("a request");
    let shape = scoring::shape(&request, Some(2));
    assert_eq!(shape.turns, 3);
    let visible = |text: &str| text.len() - text.matches(' ').count();
    assert_eq!(
        usize::try_from(shape.history_bytes),
        Ok(visible(HARD) + "First,".len())
    );
}

#[test]
fn what_is_scored_is_told() {
    let told = |messages: Value| {
        let body = json!({ "model": "auto", "messages": messages }).to_string();
        let request = client_dialect(Dialect::OpenAiChat).parse(body.as_bytes());
        what_is_scored(&request.expect("a request"), Scorer::shipped())
    };
    let system = json!({ "role": "system", "content": "Translate the message into French." });
    let begun = assistant("First,");
    for (messages, expected) in [
        (json!([user(HARD)]), "the last user turn"),
        (
            json!([system, user(HARD)]),
            "the last user turn, under the task that the system message gives, as light work, its \
             text expected back",
        ),
        (
            json!([user(HARD), begun, user("continue")]),
            "an earlier user turn, which the last one only refers to or thanks for",
        ),
        (
            json!([user(HARD), begun, user("That is wrong, fix it.")]),
            "the last user turn, half, and the turn that it goes on about, half",
        ),
        (
            json!([system, user("Thanks!")]),
            "the last user turn, which only greets, thanks or takes note",
        ),
    ] {
        assert_eq!(told(messages), expected);
    }
}
