//! What is scored of conversations, as clients send them.

use serde_json::{Value, json};
use steelyard_provider_adapter::client_dialect;
use steelyard_types::Dialect;

use super::turns::{HARD, assistant, chat, complexity, user};
use super::*;

const EASY: &str = "What is the capital of Italy?";

fn answer() -> Value {
    assistant("First, write the product over all primes.")
}

/// The texts of a user with an answer after each but the last.
fn talk(turns: &[&str]) -> f32 {
    let mut messages: Vec<Value> = Vec::new();
    for turn in turns {
        messages.extend([user(turn), answer()]);
    }
    messages.pop();
    chat(&json!(messages))
}

fn shown(text: &str) -> Value {
    let picture =
        json!({ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } });
    let mut content = vec![picture];
    if !text.is_empty() {
        content.push(json!({ "type": "text", "text": text }));
    }
    json!({ "role": "user", "content": content })
}

#[test]
fn white_space_in_instructions_and_histories_has_no_size() {
    let padding = " \n\u{3000}\t".repeat(5_000);
    let of = |system: &str, history: &str| {
        chat(&json!([
            { "role": "system", "content": system },
            user("Hello, which of the two lemmas do you mean, exactly?"),
            assistant(history),
            user(HARD),
        ]))
    };
    let plain = of("You are kind.", "The first.");
    let padded = format!("You are kind.{padding}");
    assert_eq!(of(&padded, "The first.").to_bits(), plain.to_bits());
    let padded = format!("{padding}The first.");
    assert_eq!(of("You are kind.", &padded).to_bits(), plain.to_bits());
    // What is no white space has.
    assert!(of(&"You are kind. ".repeat(400), "The first.") > plain);
}

#[test]
fn parts_of_a_message_are_paragraphs() {
    let document = "The lender may call the loan at any time. Interest accrues daily. ".repeat(40);
    let document = document.trim_end().trim_end_matches('.');
    let question = "Summarise the above in one sentence";
    let parts = |texts: &[&str]| -> Vec<Value> {
        let texts = texts.iter();
        texts
            .map(|text| json!({ "type": "text", "text": text }))
            .collect()
    };
    let of = |content: Value| chat(&json!([{ "role": "user", "content": content }]));
    let together = of(json!(format!("{document}\n{question}")));
    for pieces in [
        parts(&[document, question]),
        parts(&["", document, "", question, ""]),
    ] {
        assert_eq!(of(json!(pieces)).to_bits(), together.to_bits());
    }
    assert_ne!(
        of(json!(format!("{document}{question}"))).to_bits(),
        together.to_bits()
    );

    let (persona, task) = ("You are Claude Code", "Translate the message into French.");
    let of = |system: Value| {
        let body =
            json!({ "model": "a", "max_tokens": 9, "system": system, "messages": [user(HARD)] });
        complexity(Dialect::AnthropicMessages, &body)
    };
    let (blocks, lines) = (
        of(json!(parts(&[persona, task]))),
        of(json!(format!("{persona}\n{task}"))),
    );
    assert_eq!(blocks.to_bits(), lines.to_bits());
    assert!(blocks < of(json!(persona)) - 0.1, "{blocks}");
    // Words in two parts are two words.
    let go_on = |content: Value| {
        chat(&json!([user(HARD), answer(), { "role": "user", "content": content }]))
    };
    let whole = go_on(json!("continue"));
    assert_eq!(
        go_on(json!(parts(&["please", "continue"]))).to_bits(),
        whole.to_bits()
    );
    assert!(go_on(json!(parts(&["conti", "nue"]))) < whole - 0.02);
}

#[test]
fn courtesies_are_no_material_for_a_task() {
    let system = json!({ "role": "system", "content": format!("{HARD} Derive every bound.") });
    for text in [
        "thanks",
        "ok",
        "Hello",
        "lol",
        "Thanks a lot for your help!",
        "谢谢",
        "👍",
    ] {
        let with = chat(&json!([system, user(EASY), answer(), user(text)]));
        let without = chat(&json!([user(EASY), answer(), user(text)]));
        assert!((with - without).abs() < 0.03, "{text}: {with} {without}");
    }
    for text in ["n = 3", "Thanks, now for n = 3", "", "..."] {
        let with = chat(&json!([system, user(text)]));
        assert!(with > chat(&json!([user(text)])) + 0.1, "{text}: {with}");
    }
}

#[test]
fn courtesies_between_are_no_tasks() {
    for courtesy in [
        "thanks",
        "Great, thank you!",
        "ok",
        "Hi again",
        "...",
        "好的",
    ] {
        for last in ["continue", "why?"] {
            let (with, without) = (talk(&[HARD, courtesy, last]), talk(&[HARD, last]));
            assert!(
                (with - without).abs() < 0.05,
                "{courtesy}, {last}: {with} {without}"
            );
            assert!(
                talk(&[EASY, courtesy, last]) < with - 0.2,
                "{courtesy}, {last}"
            );
        }
    }
    // Alone they are nothing to go on about.
    assert!(talk(&["Hello", "continue"]) < 0.2);
}

#[test]
fn thanks_in_advance_belong_to_the_task_before() {
    for thanks in ["Thanks in advance!", "ok", " "] {
        let of = |task: &str| chat(&json!([user(task), user(thanks)]));
        let alone = chat(&json!([user(HARD)]));
        assert!(
            (of(HARD) - alone).abs() < 0.05,
            "{thanks}: {} {alone}",
            of(HARD)
        );
        assert!(of(EASY) < alone - 0.2, "{thanks}");
        // After an answer they end it.
        assert!(talk(&[HARD, thanks]) < alone - 0.2, "{thanks}");
    }
    let reminded =
        json!([user(HARD), { "role": "system", "content": "Be brief." }, user("thanks")]);
    assert!(chat(&reminded) > talk(&[HARD, "thanks"]) + 0.2);
    let going_on = json!([
        user(HARD),
        answer(),
        user("continue"),
        user("thanks!"),
        user("🙏")
    ]);
    assert!((chat(&going_on) - talk(&[HARD, "continue"])).abs() < 0.05);
    assert!(chat(&json!([user("Hello"), user("Thanks!")])) < 0.1);
}

#[test]
fn an_instruction_goes_on_about_the_document_sent_before_it() {
    let of = |document: &str, last: &str| chat(&json!([user(document), user(last)]));
    let (hard, easy) = (
        of(HARD, "Summarise the above."),
        of(EASY, "Summarise the above."),
    );
    assert!(hard > easy + 0.1, "{hard} {easy}");
    assert!(hard < of(HARD, "continue"), "{hard}");
    let own = "List ten cities in France by the number of people who live there.";
    assert!((of(HARD, own) - of(EASY, own)).abs() < 0.02);
}

#[test]
fn saying_where_to_continue_counts_half() {
    for last in [
        "Continue from step 3",
        "continue with the second lemma",
        "Please continue writing from where you stopped",
        "keep going until the end",
        "weiter mit dem zweiten Schritt bitte",
        "继续证明第二个引理",
        "?",
    ] {
        let (hard, easy) = (talk(&[HARD, last]), talk(&[EASY, last]));
        assert!(hard > easy + 0.1, "{last}: {hard} {easy}");
        assert!(hard < talk(&[HARD, "continue"]), "{last}: {hard}");
    }
}

#[test]
fn the_picture_of_the_task_counts_not_that_of_the_last_turn() {
    let after = |first: Value, last: &str| chat(&json!([first, answer(), user(last)]));
    for (text, last) in [
        ("Solve this.", "continue"),
        ("", "continue"),
        ("Solve this.", "why?"),
        ("", "why?"),
    ] {
        let alone = chat(&json!([shown(text)]));
        let later = after(shown(text), last);
        assert!(later > 0.25, "{text}, {last}: {later}");
        assert!(
            (later - alone).abs() < 0.2,
            "{text}, {last}: {later} {alone}"
        );
    }
    let apart = chat(&json!([shown(""), user("Solve this.")]));
    assert!(
        (apart - chat(&json!([shown("Solve this.")]))).abs() < 0.1,
        "{apart}"
    );
    // A task of its own after a picture has none.
    let own = chat(&json!([
        shown("Solve this."),
        answer(),
        user("tell a joke")
    ]));
    assert!(own < 0.2, "{own}");
    // White space between the words does not count.
    let spaced = "Solve it".replace(' ', &" ".repeat(60));
    let (spaced, plain) = (
        chat(&json!([shown(&spaced)])),
        chat(&json!([shown("Solve it")])),
    );
    assert_eq!(spaced.to_bits(), plain.to_bits());
}

#[test]
fn short_turns_of_their_own_do_not_go_on() {
    for last in [
        "stop",
        "never mind",
        "lol",
        "haha",
        "forget it",
        "who are you?",
        "tell a joke",
        "what is love?",
        "define entropy",
    ] {
        let (hard, easy) = (talk(&[HARD, last]), talk(&[EASY, last]));
        assert!((hard - easy).abs() < 0.03, "{last}: {hard} {easy}");
    }
    for last in [
        "what else?",
        "why?",
        "how so?",
        "which one?",
        "define it",
        "tell me more",
    ] {
        let (hard, easy) = (talk(&[HARD, last]), talk(&[EASY, last]));
        assert!(hard > easy + 0.1, "{last}: {hard} {easy}");
    }
}

#[test]
fn the_first_of_turns_that_go_on_is_the_task() {
    let first = "Prove that these zeros lie on the line Re(s) = 1/2, if it is true.";
    let (hard, alone) = (talk(&[first, "why?"]), chat(&json!([user("why?")])));
    assert!(hard > alone + 0.1, "{hard} {alone}");
    assert!((talk(&[first, "yes", "why?"]) - hard).abs() < 0.05);
}

#[test]
fn long_conversations_are_read_once() {
    let mut messages: Vec<Value> = Vec::new();
    for turn in std::iter::once(HARD).chain(std::iter::repeat_n("why?", 2_000)) {
        messages.extend([user(turn), answer()]);
    }
    messages.pop();
    let body = json!({ "model": "auto", "messages": messages }).to_string();
    let request = client_dialect(Dialect::OpenAiChat)
        .parse(body.as_bytes())
        .expect("a request");
    let long = weigh(&request, UnixMillis(0), Scorer::shipped()).complexity;
    assert!((long - talk(&[HARD, "why?"])).abs() < 0.1, "{long}");
}
