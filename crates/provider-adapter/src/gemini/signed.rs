//! What Gemini's text and thoughts are known by when they come back.
//!
//! Gemini signs parts of text as well as calls, and a signature must return on the part that it stood
//! on. Clients know one text, so the signature travels as thoughts that only their provider can read,
//! with the place of its part in the text: `text:<from>-<to>:<signature>`, in bytes. It stands behind
//! the text: it comes there in a stream, and clients look for words in front. Thoughts that
//! Gemini tells in words are a summary that it does not take back; they are signed with a word, so
//! that the mark before it says whose they are.

use std::ops::Range;

use steelyard_types::{Message, Part, ReasoningPart, Target, Thought};

use crate::origin::{self, Origin};

/// The signature of thoughts that Gemini told in words.
pub(super) const SUMMARY: &str = "summary";

/// How the word for a signed part of the text begins.
const TEXT: &str = "text:";

/// Most signed parts of one text. An answer has one, seldom two.
pub(super) const MAX_SIGNED: usize = 256;

/// Longest signature of a part of text, in bytes: as much as the longest calls may hold.
pub(super) const MAX_SIGNATURE: usize = 256 * 1_024;

/// The word for a signature on that part of the text.
pub(super) fn word(part: Range<usize>, signature: &str) -> String {
    format!("{TEXT}{}-{}:{signature}", part.start, part.end)
}

/// Whether thoughts that only their provider can read are such a word, of whatever model.
pub(crate) fn is_of_text(redacted: &str) -> bool {
    origin::bare(redacted).starts_with(TEXT)
}

/// Those thoughts of an answer that stand before its text, and those that are of it.
pub(crate) fn around(thoughts: &[Thought]) -> (Vec<&Thought>, Vec<&Thought>) {
    let of_text = |thought: &&Thought| thought.redacted.as_deref().is_some_and(is_of_text);
    thoughts.iter().partition(|thought| !of_text(thought))
}

/// A part of a message's text that Gemini signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed<'m> {
    /// Its place in the message's text, in bytes.
    pub(super) place: Range<usize>,
    pub(super) signature: &'m str,
}

impl<'m> Signed<'m> {
    fn read(word: &'m str) -> Option<Self> {
        let (place, signature) = word.strip_prefix(TEXT)?.split_once(':')?;
        let (start, end) = place.split_once('-')?;
        let place = start.parse().ok()?..end.parse().ok()?;
        (!signature.is_empty()).then_some(Self { place, signature })
    }
}

/// What a thought in a history is to this model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own<'m> {
    /// Its own summary of what it thought, which it does not take back.
    Summary,
    /// Its signature on a part of the text beside it.
    Text(Signed<'m>),
}

/// Reads a thought of this very model; `None` for all others.
pub(super) fn own<'m>(thought: &'m ReasoningPart<'_>, target: &Target) -> Option<Own<'m>> {
    if let Some(redacted) = &thought.redacted {
        return match origin::open(redacted, target) {
            Origin::Own(word) => Signed::read(word).map(Own::Text),
            Origin::Foreign | Origin::Unmarked(_) => None,
        };
    }
    let signature = thought.signature.as_deref()?;
    (origin::open(signature, target) == Origin::Own(SUMMARY)).then_some(Own::Summary)
}

/// The signed parts of a message's text, in order. `None` where they do not fit it: the text is not
/// the one that was signed.
pub(super) fn parts<'m>(message: &'m Message<'_>, target: &Target) -> Option<Vec<Signed<'m>>> {
    let mut all: Vec<_> = message
        .content
        .iter()
        .filter_map(|part| match part {
            Part::Reasoning(thought) => own(thought, target),
            _ => None,
        })
        .filter_map(|own| match own {
            Own::Text(signed) => Some(signed),
            Own::Summary => None,
        })
        .collect();
    if all.is_empty() {
        return Some(all);
    }
    if all.len() > MAX_SIGNED {
        return None;
    }
    all.sort_by_key(|signed| (signed.place.start, signed.place.end));
    let text: String = texts(message).collect();
    let mut behind = 0;
    for Signed { place, .. } in &all {
        // Some place of the text, and none that overlaps another.
        text.get(place.clone())?;
        if place.start < behind {
            return None;
        }
        behind = place.end;
    }
    Some(all)
}

fn texts<'m>(message: &'m Message<'_>) -> impl Iterator<Item = &'m str> {
    message.content.iter().filter_map(|part| match part {
        Part::Text(text) | Part::Refusal(text) => Some(text.as_ref()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use steelyard_types::{FeatureSet, ModelFacts, Role, WireFormat, WireProfile};

    use super::*;

    const WIRE: WireFormat = WireFormat::GeminiGenerateContent;

    fn target() -> Target {
        Target {
            upstream: "gemini-a".into(),
            wire: WIRE,
            profile: WireProfile::OPENAI,
            features: FeatureSet::EMPTY,
            facts: ModelFacts::default(),
            max_output_tokens: 0,
        }
    }

    fn places(words: &[&str]) -> Option<Vec<(Range<usize>, String)>> {
        let mut message = Message::new(Role::Assistant);
        for word in words {
            message.content.push(Part::Reasoning(ReasoningPart {
                redacted: Some(origin::seal(WIRE, "gemini-a", word).into()),
                ..ReasoningPart::default()
            }));
        }
        message.content.push(Part::Text("sö".into()));
        message.content.push(Part::Text("so".into()));
        let parts = parts(&message, &target())?.into_iter();
        Some(
            parts
                .map(|one| (one.place, one.signature.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn signatures_have_places_in_the_text() {
        let one = word(0..3, "EqQB");
        assert_eq!(places(&[&one]), Some(vec![(0..3, "EqQB".to_owned())]));
        let two = word(5..5, "Aw==");
        let both = vec![(0..3, "EqQB".to_owned()), (5..5, "Aw==".to_owned())];
        assert_eq!(places(&[&two, &one]), Some(both));
        // Beyond the text, within a character, over another.
        for words in [
            vec![word(0..6, "A")],
            vec![word(0..2, "A")],
            vec!["text:4-3:A".to_owned()],
            vec![one, word(1..4, "A")],
        ] {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(places(&words), None, "{words:?}");
        }
        // No such words at all.
        for word in ["text:0-3:", "text:0:A", "text:a-3:A", "EqQB", "{}"] {
            assert_eq!(places(&[word]), Some(vec![]), "{word}");
        }
    }

    #[test]
    fn a_thought_is_its_models_by_its_mark_alone() {
        let thought = |model: &str, word: &str| ReasoningPart {
            text: "hm".into(),
            signature: Some(origin::seal(WIRE, model, word).into()),
            redacted: None,
        };
        assert_eq!(
            own(&thought("gemini-a", SUMMARY), &target()),
            Some(Own::Summary)
        );
        assert_eq!(own(&thought("gemini-b", SUMMARY), &target()), None);
        assert_eq!(own(&thought("gemini-a", "more"), &target()), None);
        let bare = ReasoningPart {
            signature: Some(SUMMARY.into()),
            ..ReasoningPart::default()
        };
        assert_eq!(own(&bare, &target()), None);
    }
}
