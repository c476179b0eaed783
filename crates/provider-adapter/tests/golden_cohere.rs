//! Cohere's answers, against the project's own fixtures: they are written after its reference, because
//! there are no recordings.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod foreign_support;

use foreign_support as support;
use steelyard_provider_adapter::cohere::CohereChat;

#[test]
fn fixtures_are_read_as_they_were_meant() {
    assert!(support::check_fixtures(&CohereChat, "cohere") >= 20);
}
