//! Any bytes whatever: recordings and fixtures, whole and damaged, through the checks that the fuzz
//! targets make.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod checks;
#[path = "../foreign_support/mod.rs"]
mod foreign_support;
#[allow(dead_code, reason = "only whole streams are checked here")]
#[path = "../golden_messages/order.rs"]
mod order;

use std::path::Path;

use foreign_support as support;

/// Draws numbers that are the same in every run (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed >> 33) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// The bytes, and the same cut short, with bytes changed, with a piece taken out and one doubled.
fn damaged(body: &[u8], draw: &mut Draw) -> Vec<Vec<u8>> {
    let mut all = vec![body.to_vec(), body[..draw.below(body.len())].to_vec()];
    let mut changed = body.to_vec();
    for _ in 0..4 {
        if let Some(byte) = changed.get_mut(draw.below(body.len())) {
            *byte = b"\"{}[]:,\\\n0-en\x00\xff "[draw.below(16)];
        }
    }
    all.push(changed);
    let (start, length) = (draw.below(body.len()), draw.below(200));
    let end = (start + length).min(body.len());
    all.push([&body[..start], &body[end..]].concat());
    all.push([&body[..end], &body[start..end], &body[end..]].concat());
    all
}

/// The checks that read bytes in any form that a provider or client sends them.
fn check(body: &[u8], wires: &[usize], draw: &mut Draw) {
    let small = |number: usize| u8::try_from(number % 251).unwrap();
    for body in damaged(body, draw) {
        checks::sse(&[&[small(draw.below(90))], body.as_slice()].concat());
        for wire in wires {
            let wire = small(*wire);
            checks::answer(&[&[wire], body.as_slice()].concat());
            checks::error(&[&[wire, small(draw.below(99))], body.as_slice()].concat());
            for choice in [[wire, 1, 0], [wire, 2, 1]] {
                checks::embeddings(&[&choice, body.as_slice()].concat());
            }
            for dialect in 0..checks::dialects().len() {
                let choice = [wire, small(dialect), small(draw.below(90))];
                checks::stream(&[&choice, body.as_slice()].concat());
            }
        }
    }
}

fn check_request(body: &[u8], draw: &mut Draw) {
    for body in damaged(body, draw) {
        for dialect in 0..steelyard_types::Dialect::ALL.len() {
            let dialect = u8::try_from(dialect).unwrap();
            checks::request(&[&[dialect], body.as_slice()].concat());
        }
    }
}

#[test]
fn fixtures_whole_and_damaged() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let (mut draw, mut count) = (Draw(1), 0);
    for folder in std::fs::read_dir(fixtures).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let body = std::fs::read(file.unwrap().path()).unwrap();
            check(&body, &[0, 1, 2, 3, 4, 5], &mut draw);
            count += 1;
        }
    }
    assert!(count > 150, "only {count} fixtures");
}

#[test]
fn recordings_whole_and_damaged() {
    /// Larger ones take long and show nothing that smaller ones do not.
    const MOST_BYTES: usize = 40_000;
    let mut draw = Draw(2);
    for (provider, wires) in [
        ("openai", &[0_usize, 5][..]),
        ("openai_compatible", &[0]),
        ("mistral", &[0]),
        ("deepseek", &[0, 5]),
        ("anthropic", &[1]),
        ("gemini", &[2]),
        ("dashscope", &[3, 0]),
    ] {
        let (mut answers, mut requests) = (0, 0);
        for recording in support::recordings(provider) {
            if recording.body.len() <= MOST_BYTES {
                check(recording.body.as_bytes(), wires, &mut draw);
                answers += 1;
            }
            let request = recording.request.to_string();
            if request.len() <= MOST_BYTES {
                check_request(request.as_bytes(), &mut draw);
                requests += 1;
            }
        }
        println!("{provider}: {answers} answers and {requests} requests, whole and damaged");
    }
}

/// A number of the client's is sent as it was written, however large.
#[test]
fn numbers_beyond_any_float() {
    let large = "2".repeat(400);
    for field in ["seed", "temperature", "foo"] {
        let messages = r#""messages":[{"role":"user","content":"x"}]"#;
        for asked in [r#""prompt":"x""#, r#""input":"x""#, messages] {
            let body = format!(r#"{{"model":"m","max_tokens":9,{asked},"{field}":{large}}}"#);
            for dialect in 0..=u8::try_from(steelyard_types::Dialect::ALL.len()).unwrap() {
                checks::request(&[&[dialect], body.as_bytes()].concat());
            }
        }
    }
}
