use super::{Ask, Choice, Draw, Finish, Offer, compose};
use serde_json::json;

fn ask(text: &str) -> Ask {
    Ask {
        last_user: text.to_owned(),
        prompt_tokens: 50,
        ..Ask::default()
    }
}

fn offer(name: &str) -> Offer {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    Offer {
        name: name.to_owned(),
        parameters,
        custom: false,
    }
}

fn draw() -> Draw {
    Draw::new(1, &[b"request"])
}

#[test]
fn markers_decide() {
    assert_eq!(compose(&ask("[[say:Ja.]]"), &mut draw()).text(), "Ja.");
    let answer = compose(&ask("x [[events:5]] [[cached:20]]"), &mut draw());
    assert_eq!((answer.pieces.len(), answer.usage.cached), (5, 20));
    let answer = compose(&ask("[[think]] why"), &mut draw());
    assert!(!answer.reasoning.is_empty() && answer.usage.reasoning > 0);
    assert!(answer.usage.output > answer.usage.reasoning);
    assert_eq!(
        compose(&ask("[[length]]"), &mut draw()).finish,
        Some(Finish::Length)
    );
    assert_eq!(
        compose(&ask("[[filter]]"), &mut draw()).finish,
        Some(Finish::Filter)
    );
}

#[test]
fn tools_are_called_once_and_their_results_used() {
    let mut ask = ask("[[tool:a {\"city\":\"Oslo\"}]] [[tool:b]] [[tool:unknown]]");
    ask.offers = vec![offer("a"), offer("b")];
    let answer = compose(&ask, &mut draw());
    let names: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), answer.finish),
        (&["a", "b"][..], Some(Finish::Calls))
    );
    assert_eq!(answer.calls[0].arguments, json!({"city": "Oslo"}));
    ask.one_call_only = true;
    assert_eq!(compose(&ask, &mut draw()).calls.len(), 1);
    ask.results = vec!["18 degrees".to_owned()];
    let answer = compose(&ask, &mut draw());
    assert!(answer.calls.is_empty() && answer.text().contains("18 degrees"));
}

#[test]
fn weather_and_force_call_without_markers() {
    let mut ask = ask("What is the weather in Oslo?");
    ask.offers = vec![offer("search"), offer("get_weather")];
    assert_eq!(compose(&ask, &mut draw()).calls[0].name, "get_weather");
    ask.choice = Choice::None;
    assert!(compose(&ask, &mut draw()).calls.is_empty());
    ask.choice = Choice::Named("search".to_owned());
    assert_eq!(compose(&ask, &mut draw()).calls[0].name, "search");
}

#[test]
fn limits_and_stops_cut() {
    let mut limited = ask("Write an essay about balance");
    limited.max_tokens = Some(5);
    let answer = compose(&limited, &mut draw());
    assert_eq!(
        (answer.usage.output, answer.finish),
        (5, Some(Finish::Length))
    );
    let mut stopped = ask("[[say:one, two, three]]");
    stopped.stops = vec!["three".to_owned(), ", two".to_owned()];
    let answer = compose(&stopped, &mut draw());
    assert_eq!(
        (answer.text().as_str(), answer.stopped_by.as_deref()),
        ("one", Some(", two"))
    );
}

#[test]
fn languages_and_schemas() {
    assert!(
        compose(&ask("请介绍杭州的天气"), &mut draw())
            .text()
            .contains("杭州")
    );
    let mut structured = ask("A city");
    structured.json = Some(json!({"type": "object", "required": ["n"],
        "properties": {"n": {"type": ["integer", "null"]}, "optional": {}}}));
    assert_eq!(compose(&structured, &mut draw()).text(), r#"{"n":1}"#);
}
