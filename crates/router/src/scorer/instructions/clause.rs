//! Where the verb of a sentence may stand.

use super::words::{Role, Roles};

/// Whether a sentence gives a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    None,
    /// One, by a word with these roles.
    Task(Roles),
}

impl Verdict {
    fn of(word: Roles, gives_task: bool) -> Self {
        if gives_task {
            Self::Task(word)
        } else {
            Self::None
        }
    }
}

/// What was read of a sentence.
#[derive(Debug, Default)]
pub(super) struct Clause {
    /// It is a user's, who asks for work with "can you" and "help me".
    of_user: bool,
    /// A word was read that may not stand before the verb.
    begun: bool,
    /// It begins with circumstances ("Given a text, ...").
    circumstance: bool,
    /// It begins with what is done before the work ("Read the text and ...").
    takes: bool,
    /// "You are", "act as": the name of a work may follow, or "that" with its verb.
    named: bool,
    /// "Your task is": any verb but one of service is work.
    task: bool,
    /// A verb may follow.
    open: bool,
}

impl Clause {
    pub(super) fn of_user() -> Self {
        Self {
            of_user: true,
            ..Self::default()
        }
    }

    /// Reads the pairs of characters of a sentence without spaces: a word of work gives a task, if nothing
    /// before it says that it is only offered.
    pub(super) fn read_pairs(&self, mut pairs: impl Iterator<Item = Roles>) -> Verdict {
        let decides = |roles: &Roles| !self.of_user || !roles.has(Role::Offered);
        match pairs.find(decides) {
            Some(roles) if roles.has(Role::Work) => Verdict::Task(roles),
            _ => Verdict::None,
        }
    }

    /// Reads a word, of which the one after it is known; says whether the sentence gives a task once
    /// that is clear.
    pub(super) fn read(&mut self, after_comma: bool, word: Roles, next: Roles) -> Option<Verdict> {
        if word.has(Role::Offered) {
            return (!self.of_user || self.begun).then_some(Verdict::None);
        }
        if self.named && word.has(Role::Name) {
            return Some(Verdict::Task(word));
        }
        let of_clause = after_comma && (self.circumstance || self.takes || self.named);
        if word.has(Role::Work) && (!self.begun || self.open || of_clause) {
            let manner = next.has(Role::Manner);
            return Some(Verdict::of(word, !manner));
        }
        if !self.begun && word.has(Role::Form) {
            return Some(Verdict::of(word, self.task && next.has(Role::Exact)));
        }
        self.named |= word.has(Role::Are);
        if !self.begun && word.has(Role::Filler) {
            self.task |= word.has(Role::Task);
            return None;
        }
        if !self.begun {
            if self.task && !word.has(Role::Service) {
                return Some(Verdict::Task(word));
            }
            self.circumstance = word.has(Role::Circumstance);
            self.takes = word.has(Role::Takes);
            self.begun = true;
        }
        self.open = (self.takes && word.has(Role::And)) || (self.named && word.has(Role::That));
        let may_follow = self.circumstance || self.takes || self.named;
        (!may_follow).then_some(Verdict::None)
    }
}
