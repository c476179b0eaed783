//! What the shape of a request adds to the score of its text.
//!
//! The outcomes that the weights are fitted on are single questions: no tools, no schema, no
//! history. So nothing about the shape could be learned, and these numbers are **priors, not
//! measurements**. They are small beside the text (whose logit spreads over about six units) and
//! only push in the direction on which there is little doubt. They go when outcomes replace them.

use steelyard_types::Effort;

/// Counts about a request; zero means absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Turns of the conversation before the last user turn.
    pub turns: u32,
    /// Bytes of system instructions, white space aside.
    pub system_bytes: u32,
    /// Bytes of the turns before the last user turn, white space aside.
    pub history_bytes: u32,
    /// Tools that are offered.
    pub tools: u32,
    /// Tool results in the conversation.
    pub tool_results: u32,
    /// Whether the answer must follow a schema.
    pub has_schema: bool,
    /// Images in the request.
    pub images: u32,
    /// Whether the turn that is scored, or one that it goes on about, is an image with few words or none:
    /// what it shows says what is to be done.
    pub shows: bool,
    /// How hard the caller asked the model to think; `None` where nothing was asked.
    pub reasoning: Option<Effort>,
}

/// A reference to "it" or "that" needs the conversation: per doubling of the turns, up to four turns.
/// A long talk is no harder to answer for being long.
const PER_TURN_DOUBLING: f32 = 0.04;
const TURN_DOUBLINGS: f32 = 2.0;
/// Long instructions carry more rules to keep: per doubling of the system bytes past 512, up to 16 KiB.
const PER_SYSTEM_DOUBLING: f32 = 0.05;
const SYSTEM_DOUBLINGS: f32 = 5.0;
/// A long context has more to look through: per doubling of the history past 16 KiB, up to 256 KiB.
const PER_HISTORY_DOUBLING: f32 = 0.03;
const HISTORY_DOUBLINGS: f32 = 4.0;
/// Choosing a tool and its arguments: once for any tools, and per doubling of their number.
const ANY_TOOLS: f32 = 0.25;
const PER_TOOL_DOUBLING: f32 = 0.06;
/// An agent's loop in progress: per doubling of the results.
const PER_RESULT_DOUBLING: f32 = 0.06;
/// Small models break schemas more often.
const SCHEMA: f32 = 0.15;
/// Reading an image is part of the work: once.
const ANY_IMAGES: f32 = 0.25;
/// What an image shows may be anything: of an easy look of the few words beside it half is left.
const LEFT_BESIDE_AN_IMAGE: f32 = 0.5;

impl Shape {
    /// The difficulty of the text, as far as it tells what is to be done. 0 is that of a usual benchmark
    /// question.
    pub(super) fn seen(&self, difficulty: f32) -> f32 {
        if self.shows && difficulty < 0.0 {
            LEFT_BESIDE_AN_IMAGE * difficulty
        } else {
            difficulty
        }
    }

    /// What the shape adds to the difficulty logit: at least 0, at most about 3.
    pub(super) fn difficulty_prior(&self) -> f32 {
        let mut prior = PER_TURN_DOUBLING * doublings(self.turns, 1).min(TURN_DOUBLINGS)
            + PER_SYSTEM_DOUBLING * doublings(self.system_bytes, 512).min(SYSTEM_DOUBLINGS)
            + PER_HISTORY_DOUBLING
                * doublings(self.history_bytes, 16 * 1024).min(HISTORY_DOUBLINGS)
            + PER_TOOL_DOUBLING * doublings(self.tools, 1)
            + PER_RESULT_DOUBLING * doublings(self.tool_results, 1);
        for (present, amount) in [
            (self.tools > 0, ANY_TOOLS),
            (self.has_schema, SCHEMA),
            (self.images > 0, ANY_IMAGES),
        ] {
            if present {
                prior += amount;
            }
        }
        prior + self.reasoning.map_or(0.0, reasoning_prior)
    }

    /// What the shape adds to the logarithm of the output tokens: thoughts are billed as output.
    pub(super) fn output_prior(&self) -> f32 {
        self.reasoning
            .map_or(0.0, |effort| times_as_long(effort).ln())
    }
}

/// The caller says how hard this one is; the strongest hint of all.
fn reasoning_prior(effort: Effort) -> f32 {
    match effort {
        Effort::None | Effort::Minimal => 0.0,
        Effort::Low => 0.25,
        Effort::Medium => 0.5,
        Effort::High => 0.8,
        Effort::XHigh | Effort::Max => 1.0,
    }
}

/// Answer and thoughts, beside the answer alone.
fn times_as_long(effort: Effort) -> f32 {
    match effort {
        Effort::None | Effort::Minimal => 1.0,
        Effort::Low => 1.5,
        Effort::Medium => 2.0,
        Effort::High | Effort::XHigh | Effort::Max => 4.0,
    }
}

/// How often `value` is twice `from`, at most 10 times.
fn doublings(value: u32, from: u32) -> f32 {
    (value.max(from) as f32 / from as f32).log2().min(10.0)
}
