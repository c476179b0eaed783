//! Whose thoughts are whose: marks on the signatures that go out to clients.
//!
//! A provider's signature of its model's thoughts must come back with them, but only to that very
//! model: another one answers 400 to it. Clients keep signatures as they are, so the mark travels
//! inside: `steelyard.<model>.<signature>`, where `<model>` are 16 hexadecimal digits of a hash of
//! wire format and model name. A signature without a mark comes from a client that talked to a
//! provider itself.

use std::fmt::Write;

use serde_json::value::RawValue;
use steelyard_types::{Part, ReasoningPart, Target, WireFormat};

use crate::json;

const PREFIX: &str = "steelyard.";
const DIGITS: usize = 16;

/// What this very model thought in words, and the word that its mark has in place of a provider's
/// signature.
pub(crate) fn own_thought<'m>(part: &'m Part<'_>, target: &Target) -> Option<(&'m str, &'m str)> {
    let Part::Reasoning(ReasoningPart {
        text,
        signature: Some(signature),
        redacted: None,
    }) = part
    else {
        return None;
    };
    match open(signature, target) {
        Origin::Own(word) if !text.is_empty() => Some((word, text)),
        _ => None,
    }
}

/// Where a signature in a history comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin<'s> {
    /// This very model: the signature as its provider wrote it.
    Own(&'s str),
    /// Another model.
    Foreign,
    /// Nobody said: the signature as received.
    Unmarked(&'s str),
}

/// Marks a signature (or redacted thoughts) of that model.
pub(crate) fn seal(wire: WireFormat, upstream: &str, signature: &str) -> String {
    let mut sealed = mark(wire, upstream);
    sealed.push_str(signature);
    sealed
}

/// The mark alone, to be put in front of a signature.
pub(crate) fn mark(wire: WireFormat, upstream: &str) -> String {
    let mut mark = String::with_capacity(PREFIX.len() + DIGITS + 1 + 64);
    // Writing to a string cannot fail.
    let _ = write!(mark, "{PREFIX}{:016x}.", hash(wire, upstream));
    mark
}

/// The signature without its mark, whoever's it is.
pub(crate) fn bare(signature: &str) -> &str {
    let marked = signature
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('.'));
    match marked {
        Some((model, own)) if is_model(model) => own,
        _ => signature,
    }
}

fn is_model(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Takes the mark off a signature and says whether it is the target's own.
pub(crate) fn open<'s>(signature: &'s str, target: &Target) -> Origin<'s> {
    let marked = signature
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('.'));
    match marked {
        Some((model, own))
            if model.len() == DIGITS
                && u64::from_str_radix(model, 16) == Ok(hash(target.wire, &target.upstream)) =>
        {
            Origin::Own(own)
        }
        Some((model, _)) if is_model(model) => Origin::Foreign,
        _ => Origin::Unmarked(signature),
    }
}

/// Where in a text the string that this value in it is begins, inside its quotes. An empty string
/// proves nothing: it stands in for one that comes later.
pub(crate) fn place(value: &RawValue, whole: &str) -> Option<usize> {
    let string = value.get();
    if !string.starts_with('"') || string == "\"\"" {
        return None;
    }
    let start = string.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let place = start.checked_add(1)?;
    (place <= whole.len() && whole.is_char_boundary(place)).then_some(place)
}

/// The text with the mark at these places, which are in order.
pub(crate) fn spliced(text: &str, places: &[usize], mark: &str) -> String {
    let mut out = String::with_capacity(text.len() + places.len() * mark.len());
    let mut copied = 0;
    for place in places {
        out.push_str(text.get(copied..*place).unwrap_or_default());
        out.push_str(mark);
        copied = *place;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

fn hash(wire: WireFormat, upstream: &str) -> u64 {
    json::fnv1a(&[wire.as_str().as_bytes(), b"/", upstream.as_bytes()])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use steelyard_types::{FeatureSet, ModelFacts, WireProfile};

    use super::*;

    fn target(wire: WireFormat, upstream: &str) -> Target {
        Target {
            upstream: Arc::from(upstream),
            wire,
            profile: WireProfile::OPENAI,
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 1,
        }
    }

    #[test]
    fn a_signature_returns_to_its_own_model_only() {
        let wire = WireFormat::AnthropicMessages;
        let sealed = seal(wire, "claude-a", "EqQB.x/+=");
        assert_eq!(
            open(&sealed, &target(wire, "claude-a")),
            Origin::Own("EqQB.x/+=")
        );
        assert_eq!(open(&sealed, &target(wire, "claude-b")), Origin::Foreign);
        let gemini = WireFormat::GeminiGenerateContent;
        assert_eq!(open(&sealed, &target(gemini, "claude-a")), Origin::Foreign);
    }

    #[test]
    fn a_signature_without_a_mark_is_left_alone() {
        let target = target(WireFormat::AnthropicMessages, "claude-a");
        for signature in ["", "EqQB", "steelyard.", "steelyard.zz.EqQB"] {
            assert_eq!(open(signature, &target), Origin::Unmarked(signature));
        }
    }
}
