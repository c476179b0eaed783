use serde::Deserialize;
use steelyard_types::Usage;

/// Counts as Gemini sends them: `promptTokenCount` includes cached tokens but not those of built-in
/// tools, `candidatesTokenCount` excludes thoughts. A missing field is 0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireUsage {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    total_token_count: Option<u64>,
}

impl WireUsage {
    /// The classes, or nothing where there are no counts (Vertex sends only `trafficType` until the
    /// last piece).
    pub(super) fn classes(&self) -> Option<Usage> {
        let counts = [
            self.prompt_token_count,
            self.candidates_token_count,
            self.thoughts_token_count,
            self.total_token_count,
        ];
        if counts.iter().all(Option::is_none) {
            return None;
        }
        let prompt = self.prompt_token_count.unwrap_or(0);
        let cached = self.cached_content_token_count.unwrap_or(0).min(prompt);
        let tools = self.tool_use_prompt_token_count.unwrap_or(0);
        let usage = Usage {
            input_fresh: (prompt - cached).saturating_add(tools),
            input_cached: cached,
            output: self.candidates_token_count.unwrap_or(0),
            reasoning: self.thoughts_token_count.unwrap_or(0),
            ..Usage::default()
        };
        Some(usage.checked(self.total_token_count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(json: &str) -> Option<Usage> {
        serde_json::from_str::<WireUsage>(json).unwrap().classes()
    }

    #[test]
    fn a_missing_count_is_none_and_no_counts_are_no_usage() {
        assert_eq!(classes(r#"{"trafficType":"ON_DEMAND"}"#), None);
        let usage = classes(r#"{"candidatesTokenCount":5,"totalTokenCount":5}"#);
        let expected = Usage {
            output: 5,
            ..Usage::default()
        };
        assert_eq!(usage, Some(expected));
    }
}
