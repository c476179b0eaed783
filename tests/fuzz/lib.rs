//! What the fuzz targets check: the same as the tests of `crates/provider-adapter/tests/any_bytes`.

#![allow(clippy::unwrap_used, reason = "a finding is a panic")]

#[path = "../../crates/provider-adapter/tests/any_bytes/checks.rs"]
mod checks;
#[allow(dead_code, reason = "only whole streams are checked here")]
#[path = "../../crates/provider-adapter/tests/golden_messages/order.rs"]
mod order;

/// Frames do not depend on how the network cuts the bytes.
pub fn sse(data: &[u8]) {
    checks::sse(data);
}

/// Whole answers of every wire format, in every dialect, and counts of tokens.
pub fn answer(data: &[u8]) {
    checks::answer(data);
}

/// Answers with vectors, of every wire format.
pub fn embeddings(data: &[u8]) {
    checks::embeddings(data);
}

/// Error bodies of every wire format, in every dialect.
pub fn error(data: &[u8]) {
    checks::error(data);
}

/// Streams of every wire format, in every dialect, in pieces.
pub fn stream(data: &[u8]) {
    checks::stream(data);
}

/// Requests in every dialect, for every wire format.
pub fn request(data: &[u8]) {
    checks::request(data);
}
