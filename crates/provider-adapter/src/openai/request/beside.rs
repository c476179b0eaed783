//! Messages that call in the deprecated form and in the newer one.
//!
//! They are what clients of `functions` are answered with where a model made several calls, and come
//! back with results of either form: those of role `function`, which have a name and no id, and those of
//! role `tool`. A client that knows the deprecated form alone answers the first call only.

use std::cell::{Cell, RefCell};

use steelyard_types::{Message, Role};

use super::message::FUNCTION_CALL_ID;

/// The beginning of the ids that calls of such messages are given where theirs are missing or name no
/// result: a number follows, or [`OF`] and the call's own id.
const BESIDE_ID: &str = "function_call_beside_";

const OF: &str = "of_";

/// Calls that nobody answered beside one that somebody did.
pub(in crate::openai) const LEFT_OUT: [&str; 2] = ["messages.function_call", "messages.tool_calls"];

/// The id for a call that has one, and is answered by a result without one.
pub(in crate::openai) fn renamed(id: &str) -> String {
    format!("{BESIDE_ID}{OF}{id}")
}

/// What is noted over all messages.
#[derive(Default)]
pub(super) struct Calls {
    /// Calls in the deprecated form so far.
    number: Cell<usize>,
    /// The calls of the last message that made one, where it made others too: id for its result, and
    /// name.
    open: RefCell<Option<Vec<(String, String)>>>,
    /// Whether there is such a message.
    any: Cell<bool>,
}

impl Calls {
    /// The id of a call in the deprecated form, which stands beside these others.
    pub(super) fn made(&self, name: &str, others: &Message<'_>) -> String {
        let number = self.number.get() + 1;
        self.number.set(number);
        if others.tool_calls.is_empty() {
            self.open.replace(None);
            return format!("{FUNCTION_CALL_ID}{number}");
        }
        self.any.set(true);
        let id = format!("{BESIDE_ID}{number}");
        let mut open = vec![(id.clone(), name.to_owned())];
        let others = others.tool_calls.iter();
        open.extend(others.map(|call| (renamed(&call.id), call.name.clone().into_owned())));
        self.open.replace(Some(open));
        id
    }

    /// The id of the call that a result without one answers: of several the first of that name.
    pub(super) fn answered(&self, name: Option<&str>) -> Option<String> {
        let number = self.number.get();
        if number == 0 {
            return None;
        }
        let last = format!("{BESIDE_ID}{number}");
        let mut open = self.open.borrow_mut();
        let Some(open) = open.as_mut() else {
            return Some(format!("{FUNCTION_CALL_ID}{number}"));
        };
        let named = open.iter().position(|(_, of)| Some(of.as_str()) == name);
        let at = named.or_else(|| open.iter().position(|(id, _)| *id == last))?;
        Some(open.remove(at).0)
    }

    /// Gives calls the ids of their results and leaves out those that have none, if another of the same
    /// message has one. Returns which of [`LEFT_OUT`] there are.
    pub(super) fn settle(&self, messages: &mut [Message<'_>]) -> [bool; 2] {
        let mut left_out = [false; 2];
        if !self.any.get() {
            return left_out;
        }
        for at in 0..messages.len() {
            let Some((one, behind)) = messages.get_mut(at..).and_then(<[_]>::split_first_mut)
            else {
                break;
            };
            let deprecated = one.tool_calls.first();
            if deprecated.is_none_or(|call| !call.id.starts_with(BESIDE_ID)) {
                continue;
            }
            let results = behind
                .iter()
                .take_while(|one| one.role == Role::Tool)
                .count();
            let (results, _) = behind.split_at_mut(results);
            settle_one(one, results, &mut left_out);
        }
        left_out
    }
}

fn settle_one(one: &mut Message<'_>, results: &mut [Message<'_>], left_out: &mut [bool; 2]) {
    let answers = |id: &str| {
        let mut ids = results
            .iter()
            .filter_map(|result| result.tool_call_id.as_deref());
        ids.any(|answered| answered == id)
    };
    for call in &mut one.tool_calls {
        let id = renamed(&call.id);
        if answers(&id) && !answers(&call.id) {
            call.id = id.into();
        }
    }
    if !one.tool_calls.iter().any(|call| answers(&call.id)) {
        // Without any result it is refused as other calls are.
        return;
    }
    let mut first = true;
    one.tool_calls.retain(|call| {
        let [deprecated, others] = &mut *left_out;
        let kind = if first { deprecated } else { others };
        first = false;
        let is_answered = answers(&call.id);
        *kind |= !is_answered;
        is_answered
    });
    // By its id the message is known for one that is to be told anew.
    if let Some(call) = one
        .tool_calls
        .first_mut()
        .filter(|call| !is_beside(&call.id))
    {
        let id = renamed(&call.id);
        for result in results.iter_mut() {
            if result.tool_call_id.as_deref() == Some(call.id.as_ref()) {
                result.tool_call_id = Some(id.clone().into());
            }
        }
        call.id = id.into();
    }
}

/// Whether the id is that of the call in the deprecated form, which has none of its own.
pub(in crate::openai) fn is_deprecated(id: &str) -> bool {
    id.strip_prefix(BESIDE_ID)
        .is_some_and(|rest| !rest.starts_with(OF))
}

/// Whether the id is one that is given here.
pub(in crate::openai) fn is_beside(id: &str) -> bool {
    id.starts_with(BESIDE_ID)
}
