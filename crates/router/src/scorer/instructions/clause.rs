//! Where the verb of a sentence may stand, and whether it speaks of what the user sends.

use super::words::{Role, Roles};

/// Whether a sentence gives a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    None,
    Task {
        /// The text comes back in another form.
        gives_back: bool,
        /// It is light work whatever the text is about.
        light: bool,
    },
}

/// A mark beside a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Comma,
    Colon,
}

impl Mark {
    pub(super) fn of(character: Option<char>) -> Self {
        match character {
            Some(',') => Self::Comma,
            Some(':') => Self::Colon,
            _ => Self::None,
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}

/// Who speaks, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Speaker {
    /// A user, who asks for work with "can you" and "help me".
    #[default]
    User,
    System(Place),
}

/// Where a sentence of a system message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the beginning, or where a task is announced: work needs no word for what is sent.
    Announced,
    Later,
    /// An item of a list that nothing announces as the task: a rule.
    Item,
}

/// How the work was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A verb at the beginning, or behind "you".
    Verb,
    /// A verb behind circumstances or "and".
    Clause,
    /// "Your task is", or the name of the work.
    Named,
}

/// What was read of a sentence.
#[derive(Debug, Default)]
pub(super) struct Clause {
    speaker: Speaker,
    /// It is a question.
    asks: bool,
    /// Words read.
    count: u32,
    /// All roles that were met.
    met: Roles,
    /// "The code".
    names_it: bool,
    /// Those of the last word.
    last: Roles,
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
    /// "You": a verb of handing over may be work.
    you: bool,
    /// "The" before "assistant".
    the: bool,
    /// It begins with the form of the answer ("Return only ...").
    form: bool,
    /// What is sent is to be answered.
    answers: bool,
    /// A verb may follow.
    open: bool,
    found: Option<Found>,
    /// The word behind the verb shows that it is work.
    directed: bool,
    verb: Roles,
    /// Words read to the verb.
    verb_at: u32,
    /// The verb was the word before.
    next_to_verb: bool,
    /// It is a rule of behaviour.
    rule: bool,
}

impl Clause {
    /// A question of a user is work of its own, unless it is about the language of a text or the like.
    pub(super) fn of_user(asks: bool) -> Self {
        Self::of(Speaker::User, asks)
    }

    pub(super) fn of_system(place: Place, asks: bool) -> Self {
        Self::of(Speaker::System(place), asks)
    }

    /// Of a line that gives nothing, an example of a dialogue.
    pub(super) fn of_example() -> Self {
        Self {
            rule: true,
            ..Self::of_system(Place::Item, false)
        }
    }

    fn of(speaker: Speaker, asks: bool) -> Self {
        Self {
            speaker,
            asks,
            ..Self::default()
        }
    }

    /// Reads a word between its marks; says whether more words may change the verdict.
    pub(super) fn read(&mut self, before: Mark, word: Roles, after: Mark) -> bool {
        self.count += 1;
        let of_system = self.speaker != Speaker::User;
        if self.count == 1 && after == Mark::Colon && word.has(Role::Sent) && of_system {
            // "User: how late is it?" is an example.
            self.rule = true;
        } else if self.found.is_some() {
            self.behind_the_verb(word);
        } else if self.form && self.last.has(Role::Answers) {
            // "Answer it", "answer the question", "answer questions", not "answer in German".
            let of_it = [Role::Sent, Role::The, Role::Offered];
            self.answers = of_it.iter().any(|role| word.has(*role));
        } else if self.form && word.has(Role::Offered) {
            self.rule = true;
        } else if self.form || (self.asks && of_system) {
            // There is no verb to look for.
        } else if !self.before_the_verb(before, word, after) {
            return false;
        }
        // The verb itself says nothing of what it is about.
        if !self.next_to_verb {
            self.met.add(word);
        }
        self.names_it |= self.last.has(Role::The) && word.has(Role::SentIfThe);
        self.last = word;
        !self.rule
    }

    fn behind_the_verb(&mut self, word: Roles) {
        // "The sentence you talk about" is the model's, "the article you are given" is not.
        let you = self.last.has(Role::You) && !self.last.has(Role::Are);
        let near = self.count <= self.verb_at + NEAR;
        let of_model = near && you && !word.has(Role::Gets);
        // "Detect the language and reply in it" is how to reply, "... and reply with its name" a task.
        let to_user = self.last.has(Role::Answers) && !word.has(Role::Exact);
        self.rule |= of_model || to_user || word.has(Role::Condition);
        if !std::mem::take(&mut self.next_to_verb) {
            return;
        }
        let style = self.verb.has(Role::Style);
        self.rule |= word.has(Role::Own) || (style && word.has(Role::Manner));
        self.directed = word.has(Role::Towards) && !style;
    }

    /// Says whether to read on.
    fn before_the_verb(&mut self, before: Mark, word: Roles, after: Mark) -> bool {
        if word.has(Role::Offered) {
            let politely = self.speaker == Speaker::User && !self.begun;
            self.rule = !politely;
            return politely;
        }
        if let Some(found) = self.work_in(before, word) {
            // "translate: Translate a text into another language" is a list of what there is.
            let listed = after == Mark::Colon && found != Found::Named && word.has(Role::Work);
            self.rule = listed && self.speaker != Speaker::User;
            self.found(found, word);
            return true;
        }
        if self.begun {
            return self.goes_on_with(word);
        }
        if word.has(Role::HandsOver) || word.has(Role::Answers) {
            self.form = true;
        } else if word.has(Role::Filler) {
            // "Job titles" are no task; "# Job" and "your job" are.
            let named = self.count > 1 || after == Mark::Colon;
            self.task |= word.has(Role::Task) && named;
            self.you |= word.has(Role::You);
            self.named |= word.has(Role::Are);
        } else if word.has(Role::The) {
            self.the = true;
        } else if self.the && word.has(Role::Assistant) {
            self.you = true;
        } else if self.task && !word.has(Role::Service) {
            self.found(Found::Named, word);
        } else {
            self.circumstance = word.has(Role::Circumstance);
            self.takes = word.has(Role::Takes);
            self.begun = true;
            return self.goes_on_with(word);
        }
        true
    }

    /// How a word is the work, if it is.
    fn work_in(&self, before: Mark, word: Roles) -> Option<Found> {
        if self.named && word.has(Role::Name) {
            return Some(Found::Named);
        }
        // "Your task: reply with the names."
        if self.task && before == Mark::Colon && word.has(Role::Answers) {
            return Some(Found::Named);
        }
        let of_clause = before != Mark::None && (self.circumstance || self.takes || self.named);
        if self.begun && !self.open && !of_clause {
            return None;
        }
        let named = self.task || (self.named && self.open);
        if word.has(Role::Work) {
            return Some(match (named, self.begun) {
                (true, _) => Found::Named,
                (false, true) => Found::Clause,
                (false, false) => Found::Verb,
            });
        }
        let hands_over = word.has(Role::HandsOver) && (self.you || self.task || self.begun);
        match (hands_over, self.task) {
            (true, true) => Some(Found::Named),
            (true, false) => Some(Found::Clause),
            (false, _) => None,
        }
    }

    /// Reads a word behind which a verb may only stand in a clause of its own; says whether one may.
    fn goes_on_with(&mut self, word: Roles) -> bool {
        // "You will be provided with a text, and your task is to translate it."
        if word.has(Role::Task) && self.last.has(Role::Own) {
            self.task = true;
            self.begun = false;
            return true;
        }
        // "An expert in translation" is no translator.
        self.named = (self.named || word.has(Role::Are)) && !word.has(Role::Of);
        self.open = (self.takes && word.has(Role::And)) || (self.named && word.has(Role::That));
        let may_be_a_name =
            self.speaker == Speaker::System(Place::Announced) && self.count <= MOST_OF_A_NAME;
        let may_have_one = self.circumstance || self.takes || self.named || self.you;
        may_have_one || self.asks || may_be_a_name
    }

    fn found(&mut self, found: Found, verb: Roles) {
        self.found = Some(found);
        self.verb = verb;
        self.verb_at = self.count;
        self.next_to_verb = true;
    }

    pub(super) fn verdict(&self) -> Verdict {
        let speaks_of_it = self.names_it || self.met.has(Role::Sent);
        let gives_task = match self.found {
            _ if self.rule => false,
            Some(Found::Named) => true,
            _ if self.speaker == Speaker::System(Place::Item) => false,
            None if self.asks && self.speaker == Speaker::User => self.met.has(Role::LightObject),
            None if self.asks => speaks_of_it,
            None if self.form => self.gives_form(),
            None => self.is_name(),
            Some(_) if self.speaker == Speaker::User => true,
            Some(_) if self.verb.has(Role::Heavy) => true,
            Some(Found::Clause) => speaks_of_it || self.directed,
            Some(Found::Verb) => {
                speaks_of_it || self.directed || self.speaker == Speaker::System(Place::Announced)
            }
        };
        let back = match self.found {
            Some(_) => self.verb.has(Role::GivesBack),
            None => self.met.has(Role::GivesBack),
        };
        if gives_task {
            Verdict::Task {
                gives_back: back && !self.met.has(Role::Little),
                light: self.is_light(),
            }
        } else {
            Verdict::None
        }
    }

    fn is_light(&self) -> bool {
        let light = [Role::Little, Role::YesOrNo, Role::LightObject];
        let little = light.iter().any(|role| self.met.has(*role));
        match self.found {
            Some(_) if self.met.has(Role::Code) => false,
            Some(_) => self.verb.has(Role::Light) || (little && !self.verb.has(Role::Heavy)),
            None => true,
        }
    }

    /// "Return only the corrected text", "answer yes or no", "reply to each message with one word".
    fn gives_form(&self) -> bool {
        let first = self.speaker == Speaker::System(Place::Announced);
        self.met.has(Role::Done)
            || (first && self.met.has(Role::HandsOver) && self.met.has(Role::Sent))
            || self.met.has(Role::YesOrNo)
            || (self.met.has(Role::Each) && self.met.has(Role::Little))
    }

    /// "Sentiment classifier."
    fn is_name(&self) -> bool {
        self.speaker == Speaker::System(Place::Announced)
            && self.count <= MOST_OF_A_NAME
            && self.last.has(Role::Name)
    }

    /// Reads the pairs of characters of a part of a sentence without spaces.
    pub(super) fn read_pairs(&mut self, pairs: impl Iterator<Item = Roles>) {
        for roles in pairs {
            self.met.add(roles);
            let may_change = self.found.is_none() && !self.rule;
            if roles.has(Role::Are) {
                return;
            }
            if roles.has(Role::Task) && may_change {
                self.found(Found::Named, Roles::default());
            }
            if roles.has(Role::Condition) || (may_change && roles.has(Role::Offered)) {
                self.rule = self.speaker != Speaker::User;
            } else if roles.has(Role::Work) && (may_change || self.verb == Roles::default()) {
                let named = self.met.has(Role::Task);
                self.found(if named { Found::Named } else { Found::Verb }, roles);
            }
        }
    }

    /// Whether it says that what is sent is to be answered: then that is the task.
    pub(super) fn answers(&self) -> bool {
        self.answers && !self.gives_form()
    }

    /// Whether it says that something will be sent, or is a heading: "You will be given a report.", "# Task".
    pub(super) fn announces(&self, before_a_list: bool) -> bool {
        let heading = self.count == 1 && self.met.has(Role::Task);
        let heads = self.task || heading || (self.you && before_a_list);
        self.met.has(Role::Announces) || (heads && self.found.is_none() && !self.rule)
    }
}

/// Words behind the verb that may still be its object.
const NEAR: u32 = 6;

/// Words of a name of a work at the beginning ("English to Spanish translation."), at most.
const MOST_OF_A_NAME: u32 = 5;
