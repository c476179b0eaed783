//! How likely the tokens of an answer were: made up, with the pieces of its text for tokens.

use crate::json::{Node, object};
use crate::tokens;

/// A token, and how likely it was.
pub(crate) struct Likely {
    pub(crate) token: String,
    pub(crate) logprob: f64,
}

/// The tokens of a text, each followed by so many of the likeliest at its place, itself first.
pub(crate) fn of(text: &str, top: usize) -> Vec<(Likely, Vec<Likely>)> {
    let pieces = tokens::pieces(text).into_iter();
    pieces
        .map(|token| {
            let drawn: u32 = token.bytes().map(u32::from).sum();
            let logprob = -f64::from(drawn % 200) / 100.0;
            let others = (0_u32..).map(|rank| Likely {
                token: if rank == 0 {
                    token.clone()
                } else {
                    format!("{token}~{rank}")
                },
                logprob: logprob - f64::from(rank),
            });
            let others = others.take(top).collect();
            (Likely { token, logprob }, others)
        })
        .collect()
}

/// The list `content` of OpenAI and DashScope.
pub(crate) fn content(text: &str, top: usize) -> Vec<Node> {
    let entry = |likely: Likely| {
        let bytes: Vec<Node> = likely
            .token
            .bytes()
            .map(|byte| Node::from(u16::from(byte)))
            .collect();
        object! { "token" => likely.token, "logprob" => likely.logprob, "bytes" => bytes }
    };
    let of = of(text, top).into_iter();
    of.map(|(chosen, others)| {
        let others: Vec<Node> = others.into_iter().map(entry).collect();
        entry(chosen).with("top_logprobs", others)
    })
    .collect()
}
