//! What Gemini's text and thoughts are known by when they come back.
//!
//! Gemini signs parts of text as well as calls, and a signature must return on the part that it stood
//! on. Clients know one text, so the signature travels as thoughts that only their provider can read,
//! with the place of its part in the text: `text:<from>-<to>:<hash>:<signature>`, in bytes, the hash of
//! all text up to there, so that it is known again. It stands behind
//! the text: it comes there in a stream, and clients look for words in front. Thoughts that
//! Gemini tells in words are a summary that it does not take back; they are signed with a word, so
//! that the mark before it says whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use steelyard_types::{Message, Part, ReasoningPart, Role, Target, Thought};

use crate::json::{FNV_EMPTY, fnv1a_on};
use crate::origin::{self, Origin};
use crate::turns;

/// The signature of thoughts that Gemini told in words.
pub(super) const SUMMARY: &str = "summary";

/// How the word for a signed part of the text begins.
const TEXT: &str = "text:";

/// Most signed parts of one text. An answer has one, seldom two.
pub(super) const MAX_SIGNED: usize = 256;

/// Longest signature of a part of text, in bytes: as much as the longest calls may hold.
pub(super) const MAX_SIGNATURE: usize = 256 * 1_024;

/// Most messages that one answer came back as, which its signatures are looked for in.
const MAX_MESSAGES: usize = 32;

/// The word for a signature on that part of the text. `hash` is of the text up to its end.
pub(super) fn word(part: Range<usize>, hash: u64, signature: &str) -> String {
    format!("{TEXT}{}-{}:{hash:016x}:{signature}", part.start, part.end)
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
    /// The hash of the answer's text up to its end.
    hash: u64,
    pub(super) signature: &'m str,
}

impl<'m> Signed<'m> {
    fn read(word: &'m str) -> Option<Self> {
        let (place, signature) = word.strip_prefix(TEXT)?.split_once(':')?;
        let (hash, signature) = signature.split_once(':')?;
        let (start, end) = place.split_once('-')?;
        let place = start.parse().ok()?..end.parse().ok()?;
        let hash = u64::from_str_radix(hash, 16).ok()?;
        (!signature.is_empty()).then_some(Self {
            place,
            hash,
            signature,
        })
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

/// The signatures on text in a conversation, and the messages that they return in.
#[derive(Debug, Default)]
pub(super) struct Placed<'m> {
    by_message: BTreeMap<usize, Vec<Signed<'m>>>,
    /// Messages whose signatures all return, be it in a message before.
    returned: BTreeSet<usize>,
    /// Messages with signatures that fit no text.
    unfit: BTreeSet<usize>,
}

impl<'m> Placed<'m> {
    /// Finds the text that each signature stood on.
    pub(super) fn find(messages: &'m [Message<'_>], target: &Target) -> Self {
        let mut placed = Self::default();
        // The first message that may be of the same answer.
        let mut first = 0;
        for (index, message) in messages.iter().enumerate() {
            if message.role != Role::Assistant {
                first = index + 1;
                continue;
            }
            let signed = in_message(message, target);
            let ends = !signed.is_empty() || !message.tool_calls.is_empty();
            if !signed.is_empty() && !placed.put(messages, first..index, signed) {
                placed.unfit.insert(index);
            }
            if ends {
                first = index + 1;
            }
        }
        placed
    }

    /// The signed parts of that message's text, in order.
    pub(super) fn of(&self, message: usize) -> &[Signed<'m>] {
        self.by_message.get(&message).map_or(&[], Vec::as_slice)
    }

    /// Whether the message holds signatures, and all of them return.
    pub(super) fn returns(&self, message: usize) -> bool {
        self.returned.contains(&message)
    }

    /// Whether the message holds signatures on a text that is not the one that was signed.
    pub(super) fn is_unfit(&self, message: usize) -> bool {
        self.unfit.contains(&message)
    }

    /// Puts the signatures of the message behind `before` in their places. An answer that thought
    /// between its words came to clients of Responses as several messages, the signatures behind the
    /// last one: they fit its text, or that of the messages before it as well.
    fn put(
        &mut self,
        messages: &[Message<'_>],
        before: Range<usize>,
        signed: Vec<Signed<'m>>,
    ) -> bool {
        let last = before.end;
        let begin = (before.start..=last)
            .rev()
            .take(MAX_MESSAGES)
            .find(|begin| fits(messages.get(*begin..=last).unwrap_or_default(), &signed));
        let Some(begin) = begin else { return false };
        for mut one in signed {
            let mut from = 0;
            for (index, message) in messages.iter().enumerate().take(last + 1).skip(begin) {
                let length: usize = texts(message).map(str::len).sum();
                let is_here = length > 0 && one.place.end <= from + length;
                if is_here || index == last {
                    // A part that was cut in two is signed where it ends.
                    let start = one.place.start.saturating_sub(from);
                    one.place = start..one.place.end.saturating_sub(from);
                    self.by_message.entry(index).or_default().push(one);
                    break;
                }
                from += length;
            }
        }
        self.returned.insert(last);
        true
    }
}

/// The signatures on text that a message holds, in the order of their places.
fn in_message<'m>(message: &'m Message<'_>, target: &Target) -> Vec<Signed<'m>> {
    let thoughts = message.content.iter().filter_map(|part| match part {
        Part::Reasoning(thought) => own(thought, target),
        _ => None,
    });
    let mut all: Vec<_> = thoughts
        .filter_map(|own| match own {
            Own::Text(signed) => Some(signed),
            Own::Summary => None,
        })
        .collect();
    all.sort_by_key(|signed| (signed.place.start, signed.place.end));
    all
}

/// Whether these messages are the answer that was signed so.
fn fits(answer: &[Message<'_>], signed: &[Signed<'_>]) -> bool {
    let is_silent = |message| turns::is_silent(message, str::is_empty);
    if signed.len() > MAX_SIGNED || answer.iter().all(is_silent) {
        return false;
    }
    let text: String = answer.iter().flat_map(texts).collect();
    let (mut hash, mut behind) = (FNV_EMPTY, 0);
    signed.iter().all(|one| {
        // Some place of the text, and none that overlaps another.
        let between = text.get(behind..one.place.start);
        let (Some(between), Some(part)) = (between, text.get(one.place.clone())) else {
            return false;
        };
        hash = fnv1a_on(fnv1a_on(hash, between.as_bytes()), part.as_bytes());
        behind = one.place.end;
        hash == one.hash
    })
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
        let messages = [message];
        let placed = Placed::find(&messages, &target());
        let parts = placed.of(0).iter();
        (!placed.is_unfit(0)).then(|| {
            parts
                .map(|one| (one.place.clone(), one.signature.to_owned()))
                .collect()
        })
    }

    /// The word for a signature on that place of "söso", as far as there is such a place.
    fn word(place: Range<usize>, signature: &str) -> String {
        let told = "söso".as_bytes().get(..place.end).unwrap_or_default();
        super::word(place, fnv1a_on(FNV_EMPTY, told), signature)
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
            vec![word(0..3, "A").replace("0-3", "4-3")],
            vec![super::word(0..3, fnv1a_on(FNV_EMPTY, b"abc"), "A")],
            vec![one, word(1..4, "A")],
        ] {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(places(&words), None, "{words:?}");
        }
        // No such words at all.
        for word in [
            "text:0-3:1:",
            "text:0:1:A",
            "text:0-3:A",
            "text:a-3:1:A",
            "text:0-3:x:A",
            "{}",
        ] {
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
