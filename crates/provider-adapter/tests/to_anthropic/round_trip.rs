//! A conversation that is written for Anthropic and read again says the same, or what is lost has
//! been named.

use proptest::prelude::*;
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_types::{CacheMark, CachedPart, Document, Image, Source, Tool};

use super::*;

/// What a conversation says, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    role: Role,
    what: String,
    mark: Option<CacheMark>,
}

fn items(request: &ChatRequest<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for message in &request.messages {
        let mark = |position: usize| {
            let found = message.cache.iter().find(|one| one.position == position);
            found.map(|one| one.mark)
        };
        let role = match message.role {
            Role::Developer => Role::System,
            role => role,
        };
        if let Some(id) = &message.tool_call_id {
            items.push(Item {
                role,
                what: format!("result {id} {}", message.is_error),
                mark: None,
            });
        }
        for (position, part) in message.content.iter().enumerate() {
            let what = match part {
                Part::Text(text) if text.trim().is_empty() => continue,
                Part::Text(text) => format!("text {text}"),
                Part::Image(image) => format!("image {:?}", image.source),
                Part::Document(document) => format!("{document:?}"),
                Part::Reasoning(thoughts) => {
                    let proof = thoughts.signature.as_deref().unwrap_or_default();
                    let proof = proof.rsplit('.').next().unwrap_or_default();
                    format!("thoughts {} {proof}", thoughts.text)
                }
                other => format!("{other:?}"),
            };
            items.push(Item {
                role,
                what,
                mark: mark(position),
            });
        }
        for (position, call) in message.tool_calls.iter().enumerate() {
            items.push(Item {
                role,
                what: format!("{call:?}"),
                mark: mark(message.content.len() + position),
            });
        }
    }
    // Instructions are hoisted.
    items.sort_by_key(|item| item.role != Role::System);
    items
}

fn any_source(media_type: &'static str) -> impl Strategy<Value = Source<'static>> {
    prop_oneof![
        Just(Source::Url("https://example.com/x".into())),
        Just(Source::Base64 {
            media_type: media_type.into(),
            data: "aGk=".into(),
        }),
    ]
}

fn any_text() -> impl Strategy<Value = Part<'static>> {
    prop::sample::select(vec!["Hi", " a b\n", "好🌊\u{1}\"\\", "{\"a\":1}"]).prop_map(text)
}

fn any_part() -> impl Strategy<Value = Part<'static>> {
    let image = any_source("image/webp").prop_map(|source| {
        Part::Image(Image {
            source,
            detail: None,
        })
    });
    let name = prop::option::of(Just("n".into()));
    let document = (any_source("application/pdf"), name)
        .prop_map(|(source, name)| Part::Document(Document { source, name }));
    prop_oneof![3 => any_text(), 1 => image, 1 => document]
}

fn any_marks(places: usize) -> impl Strategy<Value = Vec<Option<CacheMark>>> {
    let mark = any::<bool>().prop_map(|one_hour| CacheMark { one_hour });
    prop::collection::vec(prop::option::weighted(0.2, mark), places)
}

fn marked<'a>(mut message: Message<'a>, marks: &[Option<CacheMark>]) -> Message<'a> {
    let places = message.content.len() + message.tool_calls.len();
    for position in 0..places {
        let is_thought = matches!(message.content.get(position), Some(Part::Reasoning(_)));
        if let Some(Some(mark)) = marks.get(position).filter(|_| !is_thought) {
            message.cache.push(CachedPart {
                position,
                mark: *mark,
            });
        }
    }
    message
}

/// One round: what the user says, and the model's calls with their results, or its words.
#[derive(Debug, Clone)]
struct Round {
    rules: Option<&'static str>,
    says: Vec<Part<'static>>,
    thinks: Option<bool>,
    answers: Option<Part<'static>>,
    results: Vec<(Vec<Part<'static>>, bool)>,
    marks: Vec<Option<CacheMark>>,
}

fn any_round() -> impl Strategy<Value = Round> {
    let result = (prop::collection::vec(any_part(), 0..3), any::<bool>());
    (
        prop::option::weighted(0.2, Just("Be brief.")),
        prop::collection::vec(any_part(), 1..4),
        prop::option::of(any::<bool>()),
        prop::option::of(any_text()),
        prop::collection::vec(result, 0..3),
        any_marks(6),
    )
        .prop_map(|(rules, says, thinks, answers, results, marks)| Round {
            rules,
            says,
            thinks,
            answers,
            results,
            marks,
        })
}

/// The conversation of these rounds. `signature` is the model's own.
fn conversation<'a>(
    rounds: &'a [Round],
    ids: &'a [String],
    signature: &'a str,
) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    let mut ids = ids.iter();
    for round in rounds {
        let rules = round
            .rules
            .map(|rules| message(Role::Developer, [text(rules)]));
        messages.extend(rules);
        let says = message(Role::User, round.says.iter().cloned());
        messages.push(marked(says, &round.marks));
        let own = round.thinks.map(|own| match own {
            true => thoughts("mine", signature),
            false => thoughts("another's", ""),
        });
        let parts = own.into_iter().chain(round.answers.clone());
        let mut answers = message(Role::Assistant, parts);
        let calls = ids.by_ref().take(round.results.len());
        answers.tool_calls = calls.map(|id| call(id, "look")).collect();
        let results: Vec<_> = answers
            .tool_calls
            .iter()
            .map(|call| call.id.clone())
            .collect();
        messages.push(marked(answers, &round.marks));
        for (id, (parts, failed)) in results.into_iter().zip(&round.results) {
            let answer = Message {
                tool_call_id: Some(id),
                is_error: *failed,
                ..message(Role::Tool, parts.iter().cloned())
            };
            messages.push(marked(answer, &round.marks));
        }
    }
    messages.push(user("Well?"));
    messages
}

/// Whether it is an answer without thoughts, words or calls.
fn is_silent(message: &Message<'_>) -> bool {
    message.role == Role::Assistant
        && message.tool_calls.is_empty()
        && message.content.iter().all(|part| match part {
            Part::Text(text) => text.trim().is_empty(),
            _ => false,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_in_silence(rounds in prop::collection::vec(any_round(), 1..5)) {
        let signature = sealed("sig");
        let ids: Vec<_> = (0..16).map(|number| format!("call_{number}")).collect();
        let mut asked = request(conversation(&rounds, &ids, &signature));
        asked.tools = vec![Tool { name: "look".into(), ..Tool::default() }];
        let (body, lossy) = sent(&asked, &target());
        let body = body.to_string();
        let again = parse_messages_request(body.as_bytes()).unwrap();
        prop_assert!(again.untranslated.is_empty());
        let untranslated = again.messages.iter().find_map(|one| one.untranslated.clone());
        prop_assert_eq!(untranslated, None);
        let is_thought = |item: &Item| item.what.starts_with("thoughts ");
        let (mut before, mut after) = (items(&asked), items(&again));
        // Numbers are written as received; the text around them is JSON all the same.
        for item in before.iter_mut().chain(&mut after) {
            item.what = item.what.replace("\\\"x\\\": 1.50", "\\\"x\\\":1.5");
        }
        let (_, earlier) = asked.messages.split_last().unwrap();
        let silent = earlier.iter().any(is_silent);
        prop_assert_eq!(lossy.contains(&"messages.content"), silent);
        let lossy: Vec<_> = lossy.into_iter().filter(|name| *name != "messages.content").collect();
        if lossy == ["messages.reasoning"] {
            // Those that are named stay behind, and only those.
            let kept = after.iter().filter(|item| is_thought(item)).count();
            prop_assert!(kept < before.iter().filter(|item| is_thought(item)).count());
            before.retain(|item| !is_thought(item));
            after.retain(|item| !is_thought(item));
        } else {
            prop_assert_eq!(lossy, Vec::<&str>::new());
        }
        prop_assert_eq!(after, before);
    }
}
