//! The whole table: every recorded answer of every provider in every dialect, whole and streamed,
//! and every recorded request of a client's dialect on its way to every provider.
//!
//! The snapshots hold structure only: which parts an answer has, how it ends, which classes of
//! tokens are counted; which fields of a request are lost or refused. Nothing of the recordings'
//! text is in them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod answers;
#[path = "../foreign_support/mod.rs"]
mod foreign_support;
mod requests;
#[allow(dead_code, reason = "only the check of a request is used here")]
#[path = "../encode_foreign/schema.rs"]
mod schema;
mod seen;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use foreign_support as support;
use steelyard_types::{Dialect, WireFormat};

/// The recorded providers.
const PROVIDERS: [&str; 7] = [
    "anthropic",
    "dashscope",
    "deepseek",
    "gemini",
    "mistral",
    "openai",
    "openai_compatible",
];

/// The format that a recorded chat is in; `None` for what is no chat.
fn wire(provider: &str, recording: &support::Recording) -> Option<WireFormat> {
    let stream = recording.is_stream();
    Some(match (recording.endpoint.as_str(), provider) {
        ("responses", _) => WireFormat::OpenAiResponses,
        ("chat" | "compat_chat", _) => WireFormat::OpenAiChat,
        ("messages", _) | ("error", "anthropic") => WireFormat::AnthropicMessages,
        ("gen" | "gen_stream", _) | ("error", "gemini") => WireFormat::GeminiGenerateContent,
        ("native", _) => WireFormat::DashScopeGeneration,
        ("error", "dashscope") if !stream => WireFormat::DashScopeGeneration,
        ("error", _) => WireFormat::OpenAiChat,
        _ => return None,
    })
}

/// The dialect that a recorded request is in; `None` where no client speaks it.
fn dialect(recording: &support::Recording) -> Option<Dialect> {
    Some(match recording.endpoint.as_str() {
        "responses" => Dialect::OpenAiResponses,
        "chat" | "compat_chat" => Dialect::OpenAiChat,
        "messages" => Dialect::AnthropicMessages,
        "completions" => Dialect::OpenAiCompletions,
        _ => return None,
    })
}

/// Dialects in which chats are answered.
fn chat_dialects() -> Vec<Dialect> {
    let all = Dialect::ALL.into_iter();
    all.filter(|dialect| *dialect != Dialect::OpenAiEmbeddings)
        .collect()
}

/// `messages[2].content[0]` is `messages[].content[]`.
fn without_positions(path: &str) -> String {
    path.chars().filter(|each| !each.is_ascii_digit()).collect()
}

/// Sections of lines, each line with how often it came.
#[derive(Default)]
struct Table(BTreeMap<String, BTreeMap<String, usize>>);

impl Table {
    fn add(&mut self, section: String, line: String) {
        *self.0.entry(section).or_default().entry(line).or_default() += 1;
    }

    fn rendered(&self) -> String {
        let mut text = String::new();
        for (section, lines) in &self.0 {
            let total: usize = lines.values().sum();
            let _ = writeln!(text, "{section}: {total}");
            for (line, count) in lines {
                let _ = writeln!(text, "{count:>4}  {line}");
            }
        }
        text
    }
}

/// Compares with the snapshot, and says what it stands for.
fn golden(name: &str, table: &Table) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, table.rendered());
    });
}

/// What `docs/testing.md` says of the counts.
fn documented(sentence: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/testing.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let words: Vec<&str> = docs.split_whitespace().collect();
    let docs = words.join(" ");
    assert!(
        docs.contains(sentence),
        "docs/testing.md does not say: {sentence}"
    );
}
