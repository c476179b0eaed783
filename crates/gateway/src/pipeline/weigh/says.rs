//! What a turn of the user is among the others.

use steelyard_types::{Message, Part};

use super::fold::Folded;
use super::follow_up::{goes_on, is_courtesy};
use super::reference::refers;

/// What a turn says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// What is to be done.
    Task,
    /// That what was asked before is to be done: "continue".
    Refers,
    /// Something about the task before: "that is wrong, fix it".
    GoesOn,
    /// Thanks, a greeting, or that something was read: "ok".
    Courtesy,
    /// No word, no picture and no question mark.
    Nothing,
}

impl Says {
    /// Only a short turn of texts and pictures is anything but a task, and one with a picture says
    /// something.
    pub(super) fn of(turn: &Message<'_>) -> Self {
        let is_image = |part: &Part<'_>| matches!(part, Part::Image(_));
        let is_plain = |part: &Part<'_>| matches!(part, Part::Text(_)) || is_image(part);
        if !turn.content.iter().all(is_plain) {
            return Self::Task;
        }
        let Some(folded) = Folded::of(turn.texts()) else {
            return Self::Task;
        };
        let shows = turn.content.iter().any(is_image);
        let says_nothing = folded.text().is_empty();
        if says_nothing && !shows && !folded.asks {
            Self::Nothing
        } else if says_nothing {
            Self::GoesOn
        } else if is_courtesy(&folded) {
            // What a picture shows is beside it.
            if shows { Self::Task } else { Self::Courtesy }
        } else if !shows && refers(&folded) {
            Self::Refers
        } else if goes_on(&folded) {
            Self::GoesOn
        } else {
            Self::Task
        }
    }

    /// Whether the turn asks for nothing.
    pub(super) fn is_idle(self) -> bool {
        matches!(self, Self::Courtesy | Self::Nothing)
    }
}
