//! Thoughts that nobody signs (Mistral's, and Qwen's in DashScope's compatible mode), from an answer
//! through a client of each dialect back to their own model, and not to another.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use steelyard_provider_adapter::messages::parse_messages_request;
use steelyard_provider_adapter::openai::parse_chat_request;
use steelyard_provider_adapter::responses::parse_responses_request;
use steelyard_provider_adapter::{
    Progress, ReplyContext, ResponseHead, StreamReply, UnaryReply, adapter,
};
use steelyard_types::{Dialect, FeatureSet, ModelFacts, Target, WireFormat, WireProfile};

const WIRE: WireFormat = WireFormat::OpenAiChat;
const DOORS: [Dialect; 3] = [
    Dialect::OpenAiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenAiResponses,
];

/// What a model thinks, and what it says then.
#[derive(Clone, Copy)]
struct Turn {
    thought: &'static str,
    text: &'static str,
    calls: bool,
}

/// How the server tells thoughts.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Server {
    Mistral,
    Qwen,
    DeepSeek,
}

impl Server {
    fn target(self, upstream: &str) -> Target {
        Target {
            upstream: Arc::from(upstream),
            wire: WIRE,
            profile: match self {
                Self::Mistral => WireProfile::MISTRAL,
                Self::Qwen => WireProfile::DASHSCOPE,
                Self::DeepSeek => WireProfile::DEEPSEEK,
            },
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 64_000,
        }
    }

    /// What a message or delta says of that thought.
    fn thinks(self, thought: &str) -> Value {
        match self {
            Self::Mistral => json!({"content": [part(thought)]}),
            Self::Qwen | Self::DeepSeek => json!({"content": "", "reasoning_content": thought}),
        }
    }

    fn answer(self, turn: Turn) -> Value {
        let mut message = self.thinks(turn.thought);
        match self {
            Self::Mistral => {
                let text = json!({"type": "text", "text": turn.text});
                message["content"].as_array_mut().unwrap().push(text);
            }
            Self::Qwen | Self::DeepSeek => message["content"] = json!(turn.text),
        }
        message["role"] = json!("assistant");
        if turn.calls {
            message["tool_calls"] = json!([call()]);
        }
        let finish = if turn.calls { "tool_calls" } else { "stop" };
        json!({"id": "a", "model": "m", "choices": [
            {"index": 0, "message": message, "finish_reason": finish}]})
    }

    /// The same answer, streamed as Mistral's and DashScope's do: words as plain strings.
    fn stream(self, turn: Turn) -> String {
        let (first, second) = turn.thought.split_at(turn.thought.len() / 2);
        let mut deltas = vec![
            json!({"role": "assistant", "content": ""}),
            self.thinks(first),
            self.thinks(second),
            json!({"content": turn.text}),
        ];
        if turn.calls {
            deltas.push(json!({"tool_calls": [call()]}));
        }
        let finish = if turn.calls { "tool_calls" } else { "stop" };
        let chunk = |delta: &Value, finish: Value| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
            let chunk = json!({"id": "a", "model": "m", "choices": [choice]});
            format!("data: {chunk}\n\n")
        };
        let mut stream: String = deltas.iter().map(|one| chunk(one, Value::Null)).collect();
        stream.push_str(&chunk(&json!({"content": ""}), json!(finish)));
        stream.push_str("data: [DONE]\n\n");
        stream
    }
}

fn part(thought: &str) -> Value {
    json!({"type": "thinking", "thinking": [{"type": "text", "text": thought}]})
}

fn call() -> Value {
    json!({"index": 0, "id": "abcdefghi", "type": "function",
        "function": {"name": "f", "arguments": "{}"}})
}

fn context(dialect: Dialect, upstream: &str) -> ReplyContext {
    ReplyContext {
        dialect,
        id: "own".to_owned(),
        created: 17,
        upstream_model: Arc::from(upstream),
        include_usage: false,
        function_call: false,
        echo: None,
    }
}

/// What a client of that dialect keeps of the answer, as the items of its history.
fn kept(dialect: Dialect, upstream: &str, server: Server, turn: Turn) -> Vec<Value> {
    let head = ResponseHead {
        status: 200,
        headers: &[],
        at: steelyard_types::UnixMillis(0),
    };
    let body = Bytes::from(server.answer(turn).to_string());
    let reply = UnaryReply::read(WIRE, &head, body, &context(dialect, upstream)).unwrap();
    let reply: Value = serde_json::from_slice(&reply.body).unwrap();
    match dialect {
        Dialect::AnthropicMessages => {
            vec![json!({"role": "assistant", "content": reply["content"]})]
        }
        Dialect::OpenAiResponses => reply["output"].as_array().unwrap().clone(),
        _ => vec![reply["choices"][0]["message"].clone()],
    }
}

/// The same of a streamed answer.
fn kept_of_stream(dialect: Dialect, upstream: &str, server: Server, turn: Turn) -> Vec<Value> {
    let mut reply = StreamReply::new(WIRE, context(dialect, upstream));
    let mut out = Vec::new();
    let progress = reply.push(&Bytes::from(server.stream(turn)), &mut out);
    assert_eq!(progress, Progress::Complete);
    reply.close(None, &mut out);
    let text = String::from_utf8(out.concat()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    match dialect {
        Dialect::AnthropicMessages => vec![of_events(&events)],
        Dialect::OpenAiResponses => {
            let last = &events.last().unwrap()["response"]["output"];
            last.as_array().unwrap().clone()
        }
        _ => vec![of_chunks(&events)],
    }
}

fn of_events(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    for event in events {
        let delta = &event["delta"];
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().unwrap();
                for field in ["text", "thinking", "signature"] {
                    if let Some(more) = delta[field].as_str() {
                        let text = block[field].as_str().unwrap_or_default();
                        block[field] = json!(format!("{text}{more}"));
                    }
                }
            }
            _ => {}
        }
    }
    json!({"role": "assistant", "content": blocks})
}

fn of_chunks(chunks: &[Value]) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    for delta in chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]) {
        for field in ["content", "reasoning_content"] {
            if let Some(more) = delta[field].as_str() {
                let text = message[field].as_str().unwrap_or_default();
                message[field] = json!(format!("{text}{more}"));
            }
        }
        for field in ["reasoning_details", "tool_calls"] {
            if delta[field].is_array() {
                assert!(message[field].is_null(), "told once");
                message[field] = delta[field].clone();
            }
        }
    }
    message
}

/// A request that goes on from these answers, each to a question of its own.
fn history(dialect: Dialect, answers: &[(Vec<Value>, Turn)]) -> String {
    let question = json!({"role": "user", "content": "Well?"});
    let mut items = Vec::new();
    for (answer, turn) in answers {
        items.push(question.clone());
        items.extend(answer.iter().cloned());
        if turn.calls {
            items.push(match dialect {
                Dialect::AnthropicMessages => json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "abcdefghi", "content": "ten"}]}),
                Dialect::OpenAiResponses => json!({"type": "function_call_output",
                    "call_id": "abcdefghi", "output": "ten"}),
                _ => json!({"role": "tool", "tool_call_id": "abcdefghi", "content": "ten"}),
            });
        }
    }
    if !answers.last().is_some_and(|(_, turn)| turn.calls) {
        items.push(question);
    }
    let body = match dialect {
        Dialect::AnthropicMessages => json!({"model": "auto", "max_tokens": 9, "messages": items}),
        Dialect::OpenAiResponses => json!({"model": "auto", "store": false, "input": items}),
        _ => json!({"model": "auto", "messages": items}),
    };
    body.to_string()
}

/// The assistant's messages as the model is sent them, and what is lost.
fn sent(dialect: Dialect, body: &str, target: &Target) -> (Vec<Value>, Vec<&'static str>) {
    let request = match dialect {
        Dialect::AnthropicMessages => parse_messages_request(body.as_bytes()),
        Dialect::OpenAiResponses => parse_responses_request(body.as_bytes()),
        _ => parse_chat_request(body.as_bytes()),
    };
    let request = request.unwrap();
    let encoded = adapter(WIRE).encode(&request, target).unwrap();
    let carries = adapter(WIRE).carries(&request, target);
    assert_eq!(carries.as_ref(), Ok(&encoded.lossy), "known beforehand");
    let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
    let messages = sent["messages"].as_array().unwrap().iter();
    let messages = messages.filter(|one| one["role"] == "assistant").cloned();
    (messages.collect(), encoded.lossy.fields().to_vec())
}

/// The word for lost thoughts in that dialect.
fn lost_word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "messages.thinking",
        Dialect::OpenAiResponses => "input.reasoning",
        _ => "messages.reasoning",
    }
}

const HM: Turn = Turn {
    thought: "Hm, hm.",
    text: "Yes.",
    calls: false,
};
const SO: Turn = Turn {
    thought: "So, so.",
    text: "No.",
    calls: false,
};
const CALLS: Turn = Turn {
    thought: "Let me see.",
    text: "One moment.",
    calls: true,
};

const CALLS_ONLY: Turn = Turn { text: "", ..CALLS };

/// What keeps an answer: whole or streamed.
type Keep = fn(Dialect, &str, Server, Turn) -> Vec<Value>;
const WAYS: [Keep; 2] = [kept, kept_of_stream];

#[test]
fn thoughts_of_mistral_return_to_their_model_as_parts_and_to_no_other() {
    let server = Server::Mistral;
    let content = |turn: Turn| json!([part(turn.thought), {"type": "text", "text": turn.text}]);
    for (dialect, keep) in DOORS
        .into_iter()
        .flat_map(|door| WAYS.map(|way| (door, way)))
    {
        let answers = [("a", HM), ("b", SO), ("a", CALLS)]
            .map(|(model, turn)| (keep(dialect, model, server, turn), turn));
        let body = history(dialect, &answers[..1]);
        let (messages, lossy) = sent(dialect, &body, &server.target("a"));
        assert_eq!(messages[0]["content"], content(HM), "{dialect:?}");
        assert_eq!(lossy, [""; 0], "{dialect:?}");

        // The model changes, and changes back.
        let body = history(dialect, &answers);
        let texts = |turn: Turn| {
            [
                json!(turn.text),
                json!([{"type": "text", "text": turn.text}]),
            ]
        };
        let (messages, lossy) = sent(dialect, &body, &server.target("a"));
        assert_eq!(messages[0]["content"], content(HM), "{dialect:?}");
        assert!(texts(SO).contains(&messages[1]["content"]), "{dialect:?}");
        assert_eq!(messages[2]["content"], content(CALLS), "{dialect:?}");
        assert_eq!(messages[2]["tool_calls"][0]["id"], "abcdefghi");
        assert_eq!(lossy, [lost_word(dialect)], "{dialect:?}");
        let (messages, lossy) = sent(dialect, &body, &server.target("b"));
        assert!(texts(HM).contains(&messages[0]["content"]), "{dialect:?}");
        assert_eq!(messages[1]["content"], content(SO), "{dialect:?}");
        assert!(
            texts(CALLS).contains(&messages[2]["content"]),
            "{dialect:?}"
        );
        assert_eq!(lossy, [lost_word(dialect)], "{dialect:?}");
        for message in messages {
            for field in ["reasoning_content", "reasoning_details"] {
                assert!(message[field].is_null(), "Mistral knows no such field");
            }
        }
    }
}

#[test]
fn thoughts_of_mistral_before_nothing_but_calls_are_all_of_the_content() {
    for (dialect, keep) in DOORS
        .into_iter()
        .flat_map(|door| WAYS.map(|way| (door, way)))
    {
        let mut items = keep(dialect, "a", Server::Mistral, CALLS_ONLY);
        if dialect == Dialect::OpenAiResponses {
            // What a client may keep of an answer without words.
            items.insert(
                1,
                json!({"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": ""}]}),
            );
        }
        let body = history(dialect, &[(items, CALLS_ONLY)]);
        let (messages, lossy) = sent(dialect, &body, &Server::Mistral.target("a"));
        let said: Vec<_> = messages.iter().map(|one| &one["content"]).collect();
        assert_eq!(said, [&json!([part(CALLS_ONLY.thought)])], "{dialect:?}");
        assert_eq!(messages[0]["tool_calls"][0]["id"], "abcdefghi");
        assert_eq!(lossy, [""; 0], "{dialect:?}");
    }
}

#[test]
fn thoughts_of_qwen_return_to_their_model_in_their_field_and_to_no_other() {
    let server = Server::Qwen;
    for (dialect, keep) in DOORS
        .into_iter()
        .flat_map(|door| WAYS.map(|way| (door, way)))
    {
        let answers = [("a", HM), ("b", SO), ("a", CALLS)]
            .map(|(model, turn)| (keep(dialect, model, server, turn), turn));
        let body = history(dialect, &answers);
        let told = |model: &str| {
            let (messages, lossy) = sent(dialect, &body, &server.target(model));
            let told: Vec<Value> = messages
                .iter()
                .map(|one| one["reasoning_content"].clone())
                .collect();
            assert!(
                messages
                    .iter()
                    .all(|one| one["reasoning_details"].is_null())
            );
            (told, lossy)
        };
        let [hm, so, calls] = [HM, SO, CALLS].map(|turn| json!(turn.thought));
        if dialect == Dialect::OpenAiChat {
            // The client's own dialect: what stood in the field goes on in it, signed by nobody.
            for model in ["a", "b"] {
                let all = vec![hm.clone(), so.clone(), calls.clone()];
                assert_eq!(told(model), (all, vec![]));
            }
            continue;
        }
        let lost = vec![lost_word(dialect)];
        let nothing = Value::Null;
        assert_eq!(told("a"), (vec![hm, nothing.clone(), calls], lost.clone()));
        assert_eq!(told("b"), (vec![nothing.clone(), so, nothing], lost));
        let only = history(dialect, &answers[..1]);
        let (messages, lossy) = sent(dialect, &only, &server.target("a"));
        assert_eq!(messages[0]["reasoning_content"], HM.thought);
        assert_eq!(messages[0]["content"], HM.text);
        assert_eq!(lossy, [""; 0], "{dialect:?}");
    }
}

#[test]
fn thoughts_of_deepseek_return_beside_calls_alone() {
    let server = Server::DeepSeek;
    for dialect in [Dialect::AnthropicMessages, Dialect::OpenAiResponses] {
        for keep in WAYS {
            let answers = [HM, CALLS].map(|turn| (keep(dialect, "a", server, turn), turn));
            let told = |answers: &[(Vec<Value>, Turn)], model: &str| {
                let body = history(dialect, answers);
                let (messages, lossy) = sent(dialect, &body, &server.target(model));
                let last = messages.last().unwrap()["reasoning_content"].clone();
                (last, lossy)
            };
            let lost = vec![lost_word(dialect)];
            // It does not want these back, and another model's are lost.
            assert_eq!(told(&answers[..1], "a"), (Value::Null, vec![]));
            assert_eq!(told(&answers[..1], "b"), (Value::Null, lost.clone()));
            assert_eq!(told(&answers[1..], "a"), (json!("Let me see."), vec![]));
            // The field is wanted all the same.
            assert_eq!(told(&answers[1..], "b"), (json!(""), lost));
        }
    }
}

#[test]
fn thoughts_of_one_server_are_another_servers_no_more_than_another_models() {
    for (from, to) in [
        (Server::Mistral, Server::Qwen),
        (Server::Qwen, Server::Mistral),
        (Server::Mistral, Server::DeepSeek),
        (Server::Qwen, Server::DeepSeek),
        (Server::DeepSeek, Server::Mistral),
    ] {
        for dialect in [Dialect::AnthropicMessages, Dialect::OpenAiResponses] {
            let answers = [CALLS].map(|turn| (kept(dialect, "a", from, turn), turn));
            let body = history(dialect, &answers);
            let (messages, lossy) = sent(dialect, &body, &to.target("b"));
            let sent = serde_json::to_string(&messages).unwrap();
            assert!(!sent.contains(CALLS.thought), "{from:?} {to:?}: {sent}");
            assert_eq!(lossy, [lost_word(dialect)], "{from:?} {to:?}");
        }
    }
}
