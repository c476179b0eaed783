use super::{Act, Fault, Frame, LatencyModel, Part, Payload, Reply, Script};
use bytes::Bytes;
use std::time::Duration;

fn stream() -> Reply {
    let frames = [
        (Part::Opening, "data: {\"o\":1}\n\n"),
        (Part::Content, "data: {\"a\":1}\n\n"),
        (Part::Content, "data: {\"b\":1}\n\n"),
        (Part::Closing, "data: {\"f\":1}\n\n"),
    ];
    let frames = frames.map(|(part, text)| Frame::new(part, text.to_owned()));
    Reply {
        status: 200,
        headers: Vec::new(),
        payload: Payload::Stream(frames.into()),
    }
}

fn acts(reply: Reply, fault: Option<&Fault>) -> Vec<Act> {
    Script::new(reply, LatencyModel::default(), 8, fault).body
}

fn sent(acts: &[Act]) -> String {
    let bytes = acts.iter().filter_map(|act| match act {
        Act::Send(bytes) => Some(bytes.as_ref()),
        _ => None,
    });
    String::from_utf8(bytes.collect::<Vec<_>>().concat()).unwrap()
}

#[test]
fn without_fault_or_latency_nothing_waits() {
    let script = Script::new(stream(), LatencyModel::default(), 8, None);
    assert!(script.before_head.is_empty());
    assert!(script.body.iter().all(|act| matches!(act, Act::Send(_))));
}

#[test]
fn latency_is_paced_over_the_tokens() {
    let latency = LatencyModel {
        first_token_us: 10,
        per_token_us: 4,
        jitter_percent: 0,
    };
    let wait = |micros| Act::Wait(Duration::from_micros(micros));
    let script = Script::new(stream(), latency, 8, None);
    assert_eq!(script.before_head, [wait(10)]);
    assert_eq!(
        script.body.iter().filter(|act| **act == wait(16)).count(),
        2
    );
    let script = Script::new(Reply::json(200, "{}".into()), latency, 8, None);
    assert_eq!(script.before_head, [wait(42)]);
}

#[test]
fn delays_lie_where_they_are_asked_for() {
    let wait = Act::Wait(Duration::from_millis(7));
    assert_eq!(
        acts(stream(), Some(&Fault::DelayFirstToken { ms: 7 }))[0],
        wait
    );
    let between = acts(stream(), Some(&Fault::DelayBetween { ms: 7 }));
    let places: Vec<bool> = between.iter().map(|act| *act == wait).collect();
    assert_eq!(places, [false, true, false, true, false, true, false]);
    let fault = Fault::Delay { ms: 7 };
    let script = Script::new(stream(), LatencyModel::default(), 8, Some(&fault));
    assert_eq!(script.before_head, [wait]);
}

#[test]
fn a_cut_keeps_exactly_so_many_bytes() {
    for n in [0, 1, 16, 17, 40] {
        let cut = acts(stream(), Some(&Fault::CutAfterBytes { n }));
        assert_eq!(sent(&cut).len(), n);
        assert_eq!(cut.last(), Some(&Act::Abort));
    }
    let whole = acts(stream(), Some(&Fault::CutAfterBytes { n: 9_999 }));
    assert_eq!(
        (sent(&whole), whole.last()),
        (sent(&acts(stream(), None)), Some(&Act::Abort))
    );
}

#[test]
fn one_event_is_broken_and_stays_an_event() {
    for (after, place) in [(0, 0), (1, 2), (2, 3), (9, 3)] {
        let text = sent(&acts(stream(), Some(&Fault::MalformedEvent { after })));
        let events: Vec<&str> = text.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 4);
        for (index, event) in events.iter().enumerate() {
            let json = serde_json::from_str::<serde_json::Value>(&event[6..]);
            assert_eq!(json.is_err(), index == place, "{after} {event}");
        }
    }
    let unary = Reply::json(200, r#"{"a": {"b": 1}}"#.to_owned());
    let text = sent(&acts(unary, Some(&Fault::MalformedEvent { after: 0 })));
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
}

#[test]
fn error_events_and_missing_ends() {
    let error = |after| stream().with_error_event(after, "error".into(), "body".into());
    assert_eq!(acts(error(0), None), [Act::Send(Bytes::from("error"))]);
    assert_eq!(acts(error(1), None).len(), 3);
    assert_eq!(acts(stream().without_end(), None).len(), 3);
}
