use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::value::RawValue;
use smallvec::smallvec;
use steelyard_types::Role;

use super::*;

fn refers_in_pieces(pieces: &[&str]) -> bool {
    let mut turn = Message::new(Role::User);
    let pieces = pieces.iter();
    turn.content = pieces.map(|piece| Part::Text((*piece).into())).collect();
    is_reference(&turn)
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
        ] {
            let short = dressed.trim().len() <= MAX_BYTES;
            assert_eq!(refers_as(&dressed), short, "{dressed}");
        }
        // Between two pieces a word may end, or not.
        let middle = text.char_indices().nth(text.chars().count() / 2);
        let (head, tail) = text.split_at(middle.map_or(0, |(at, _)| at));
        assert!(refers_in_pieces(&[" ", head, tail, "\n"]), "{head}|{tail}");
    }
}

#[test]
fn the_lists_are_folded_and_name_nothing_twice() {
    for list in [COURTESIES, REFERENCES] {
        let mut seen = HashSet::new();
        for text in list {
            assert!(seen.insert(*text), "{text} is there twice");
            let folded = folded(std::iter::once(*text), MAX_BYTES).expect("it is short");
            assert_eq!(folded.as_slice(), text.as_bytes(), "{text}");
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
    assert!(!is_reference(&turn));
    turn.content.pop();
    assert!(is_reference(&turn));
}

#[test]
fn a_long_text_is_not_read_to_its_end() {
    let read = std::cell::Cell::new(0);
    let pieces = std::iter::repeat_n("continue", 1_000_000).inspect(|_| read.set(read.get() + 1));
    assert!(folded(pieces, MAX_BYTES).is_none());
    assert_eq!(read.get(), MAX_BYTES / "continue".len() + 1);
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
            if text.trim().len() > MAX_BYTES {
                prop_assert!(!refers_as(&text), "{}", text);
            }
        }
    }

    #[test]
    fn folding_stays_off_the_heap(text in "\\PC{0,90}") {
        if let Some(folded) = folded(std::iter::once(text.as_str()), 80) {
            prop_assert!(!folded.spilled(), "{}", text);
        }
    }
}
