//! How likely the tokens were: Gemini's `logprobsResult` as OpenAI's `logprobs.content`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::Text;

/// Two lists of one length: the tokens that were chosen, and at each place the likeliest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    chosen_candidates: Vec<Token<'a>>,
    #[serde(borrow, default)]
    top_candidates: Vec<Top<'a>>,
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, default)]
    candidates: Vec<Token<'a>>,
}

/// A token. A missing `logProbability` is protobuf's 0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    #[serde(borrow, default)]
    token: Text<'a>,
    #[serde(borrow)]
    log_probability: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    chosen: Likely<'a>,
    top_logprobs: Vec<Likely<'a>>,
}

#[derive(Serialize)]
struct Likely<'a> {
    token: &'a str,
    logprob: serde_json::Number,
    bytes: &'a [u8],
}

impl Token<'_> {
    fn likely(&self) -> Likely<'_> {
        let number = self.log_probability.map(RawValue::get);
        let number = number.and_then(|text| serde_json::from_str(text).ok());
        Likely {
            token: self.token.as_str(),
            logprob: number.unwrap_or_else(|| 0.into()),
            bytes: self.token.as_str().as_bytes(),
        }
    }
}

/// The entries as a JSON list; `None` where there are none, or nothing that can be read.
pub(super) fn entries(raw: &RawValue) -> Option<String> {
    let wire: Wire<'_> = serde_json::from_str(raw.get()).ok()?;
    let entries: Vec<Entry<'_>> = wire
        .chosen_candidates
        .iter()
        .enumerate()
        .map(|(place, token)| Entry {
            chosen: token.likely(),
            top_logprobs: wire
                .top_candidates
                .get(place)
                .map(|top| top.candidates.iter().map(Token::likely).collect())
                .unwrap_or_default(),
        })
        .collect();
    if entries.is_empty() {
        return None;
    }
    serde_json::to_string(&entries).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn tokens_are_told_in_openais_words() {
        let wire = json!({
            "chosenCandidates": [{"token": "H\u{e9}", "tokenId": 7, "logProbability": -0.25}, {"token": "!"}],
            "topCandidates": [{"candidates": [
                {"token": "H\u{e9}", "logProbability": -0.25},
                {"token": "A", "logProbability": -2},
            ]}],
        });
        let raw = serde_json::value::to_raw_value(&wire).unwrap();
        let entries: Value = serde_json::from_str(&entries(&raw).unwrap()).unwrap();
        let first = json!({"token": "H\u{e9}", "logprob": -0.25, "bytes": [72, 195, 169]});
        let mut expected =
            json!([first, {"token": "!", "logprob": 0, "bytes": [33], "top_logprobs": []}]);
        expected[0]["top_logprobs"] = json!([first, {"token": "A", "logprob": -2, "bytes": [65]}]);
        assert_eq!(entries, expected);
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        for text in ["{}", "[]", "null", "7", r#"{"chosenCandidates": [7]}"#] {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            assert_eq!(entries(raw), None, "{text}");
        }
    }
}
