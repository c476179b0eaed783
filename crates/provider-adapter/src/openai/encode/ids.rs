//! Ids of tool calls as each server accepts them.

use std::borrow::Cow;

use steelyard_types::{ToolCallIds, WireProfile};

use crate::gemini::call_id;

pub(super) fn is_nine_alphanumerics(id: &str) -> bool {
    id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id as this server accepts it: the same for a call and its result, in every turn.
pub(in crate::openai) fn mapped_id<'i>(id: &'i str, profile: &WireProfile) -> Cow<'i, str> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // OpenAI takes ids of 40 characters; a signature that Gemini put into one is longer and is of
    // use to Gemini alone.
    let id = call_id::unpack(id).id;
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
