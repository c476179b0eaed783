//! Ids of tool calls as each server accepts them.

use std::borrow::Cow;

use steelyard_types::{ToolCallIds, WireProfile};

use crate::gemini::call_id;
use crate::openai::reasoning::takes_extensions;

/// The longest id that OpenAI takes, in characters: "string too long. Expected a string with maximum
/// length 40". vLLM's own are longer.
const LONGEST: usize = 40;

pub(super) fn is_nine_alphanumerics(id: &str) -> bool {
    id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id as this server accepts it: the same for a call and its result, in every turn.
pub(in crate::openai) fn mapped_id<'i>(id: &'i str, profile: &WireProfile) -> Cow<'i, str> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // A signature that Gemini put into one is of use to Gemini alone.
    let id = call_id::unpack(id).id;
    if profile.tool_call_ids == ToolCallIds::Any && !takes_extensions(profile) && id.len() > LONGEST
    {
        return Cow::Owned(format!(
            "call_{:016x}",
            crate::json::fnv1a(&[id.as_bytes()])
        ));
    }
    if profile.tool_call_ids == ToolCallIds::Any || is_nine_alphanumerics(id) {
        return Cow::Borrowed(id);
    }
    let mut hash = crate::json::fnv1a(&[id.as_bytes()]);
    let letter = |_| {
        let letter = LETTERS[usize::try_from(hash % 62).unwrap_or(0)];
        hash /= 62;
        char::from(letter)
    };
    Cow::Owned((0..9).map(letter).collect())
}
