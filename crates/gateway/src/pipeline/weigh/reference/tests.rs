use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::value::RawValue;
use smallvec::smallvec;
use steelyard_types::{Message, Part, Role};

use super::*;
use crate::pipeline::weigh::says::Says;

fn refers_in_pieces(pieces: &[&str]) -> bool {
    let mut turn = Message::new(Role::User);
    let pieces = pieces.iter();
    turn.content = pieces.map(|piece| Part::Text((*piece).into())).collect();
    Says::of(&turn) == Says::Refers
}

fn refers_as(text: &str) -> bool {
    refers_in_pieces(&[text])
}

#[test]
fn every_reference_is_one_however_it_is_written() {
    for text in REFERENCES {
        assert!(refers_as(text), "{text}");
        for dressed in [
            format!("  {text}\n"),
            format!("{text}."),
            format!("{text}!!"),
            format!("{text} …"),
            format!("{text}？"),
            text.to_uppercase(),
            format!("ok, {text}"),
            format!("Good. {text}"),
        ] {
            let short = dressed.trim().len() <= MAX_BYTES;
            assert_eq!(refers_as(&dressed), short, "{dressed}");
        }
        // Two pieces are two lines: between them a word ends.
        let words: Vec<&str> = text.split(' ').collect();
        assert!(refers_in_pieces(&words), "{text}");
        assert!(refers_in_pieces(&["", " ", text, "\n"]), "{text}");
    }
}

#[test]
fn the_lists_are_folded_and_name_nothing_twice() {
    for list in [COURTESIES, REFERENCES] {
        let mut seen = HashSet::new();
        for text in list {
            assert!(seen.insert(*text), "{text} is there twice");
            let folded = Folded::of(std::iter::once(*text)).expect("it is short");
            assert_eq!(folded.text(), *text);
        }
    }
    let courtesies: HashSet<&&str> = COURTESIES.iter().collect();
    assert!(REFERENCES.iter().all(|text| !courtesies.contains(text)));
}

#[test]
fn courtesies_around_it_change_nothing() {
    for text in [
        "Please continue.",
        "continue, please",
        "Yes, do it!",
        "ok go ahead",
        "OK, please go on",
        "Sure — go ahead",
        "and then try again",
        "Let’s continue",
        "请继续",
        "好的，继续吧。",
        "好的继续",
        "可以，请接着写",
        "Bitte weiter",
        "Ja, bitte weiter.",
        "D'accord, continuez s'il vous plaît",
        "¡Sí, adelante!",
        "да, продолжай",
        "네, 계속해주세요",
        "Thanks, please continue.",
        "谢谢，继续",
        "**continue**",
        "\"continue\"",
        "(continue)",
        "> go on",
        "`try again`",
        "「继续」",
        "Vas-y !",
        // What the scorer takes for white space.
        "\u{feff}continue",
        "continue\u{200b}",
        "try\u{200b}again",
        "\u{7f}继续\0",
    ] {
        assert!(refers_as(text), "{text}");
    }
}

#[test]
fn what_says_something_is_none() {
    for text in [
        "",
        " \n",
        "...",
        "Thanks!",
        "Thanks again!",
        "thank you",
        "谢谢",
        "ok",
        "OK.",
        "yes",
        "Yes, please",
        "great",
        "please",
        "好的",
        "why?",
        "Why not try again?",
        "shorter",
        "in French",
        "hello",
        "1",
        "next: prove the converse",
        "continue with the second lemma",
        "try again with n = 7",
        "don't continue",
        "stop",
        "discontinue",
        "nextstep",
        "okgo",
        "继续证明第二个引理",
        "继 续证",
        "go on a trip",
        "go, python or rust",
    ] {
        assert!(!refers_as(text), "{text}");
    }
}

#[test]
fn a_turn_with_more_than_text_is_none() {
    let raw = RawValue::from_string(r#"{"type":"input_audio"}"#.to_owned()).expect("JSON");
    let mut turn = Message::new(Role::User);
    turn.content = smallvec![
        Part::Text("continue".into()),
        Part::Other {
            kind: "input_audio".into(),
            raw: &raw,
        },
    ];
    assert!(Says::of(&turn) == Says::Task);
    turn.content.pop();
    assert!(Says::of(&turn) == Says::Refers);
}

proptest! {
    #[test]
    fn a_text_past_the_bound_is_never_one(
        word in prop::sample::select(REFERENCES),
        between in "[ \n.,!。]{0,60}",
        other in prop::sample::select(REFERENCES),
        more in ".{0,60}",
    ) {
        for text in [
            format!("{word}{between}{other}"),
            format!("{word}{between}{more}"),
            format!("{more}{between}{word}"),
            more,
        ] {
            let words: Vec<&str> = text.split_whitespace().collect();
            if words.join(" ").len() > MAX_BYTES {
                prop_assert!(!refers_as(&text), "{}", text);
            }
        }
    }
}
