//! Token counts, in every place where a server of this format puts them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use steelyard_types::Usage;

use crate::json::Lenient;

/// The `usage` object. Unknown fields, such as OpenRouter's costs, are not read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UsageShape {
    prompt_tokens: Option<Lenient<u64>>,
    completion_tokens: Option<Lenient<u64>>,
    #[serde(default)]
    total_tokens: Count,
    #[serde(default)]
    prompt_tokens_details: Lenient<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Lenient<CompletionDetails>,
    /// DeepSeek.
    #[serde(default)]
    prompt_cache_hit_tokens: Count,
    /// Moonshot.
    #[serde(default)]
    cached_tokens: Count,
    /// Mistral.
    #[serde(default)]
    num_cached_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
    /// OpenAI (from GPT-5.6 on) and OpenRouter.
    #[serde(default)]
    cache_write_tokens: Count,
    /// DashScope's explicit cache.
    #[serde(default)]
    cache_creation_input_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

impl UsageShape {
    /// The disjoint classes. `None` where the object counts nothing, or counts in a way that cannot
    /// be read: what is not known must not look like zero.
    ///
    /// `prompt_tokens` includes what was read from and written to a cache, `completion_tokens`
    /// includes reasoning, except where the total shows that it does not (xAI).
    pub(super) fn classes(&self) -> Option<Usage> {
        if self.prompt_tokens.is_none() && self.completion_tokens.is_none() {
            return None;
        }
        let main = |count: Option<Lenient<u64>>| count.map_or(Some(0), |Lenient(count)| count);
        let prompt = main(self.prompt_tokens)?;
        let completion = main(self.completion_tokens)?;
        let details = self.prompt_tokens_details.as_ref();
        let cached = details
            .map_or(0, |details| details.cached_tokens.get())
            .max(self.prompt_cache_hit_tokens.get())
            .max(self.cached_tokens.get())
            .max(self.num_cached_tokens.get())
            .min(prompt);
        let written = details
            .map_or(0, |details| {
                details
                    .cache_write_tokens
                    .get()
                    .max(details.cache_creation_input_tokens.get())
            })
            .min(prompt - cached);
        let reasoning = self.completion_tokens_details.as_ref();
        let reasoning = reasoning.map_or(0, |details| details.reasoning_tokens.get());
        let apart = prompt.saturating_add(completion).saturating_add(reasoning);
        let (output, reasoning) = if self.total_tokens.get() == apart {
            (completion, reasoning)
        } else {
            (
                completion.saturating_sub(reasoning),
                reasoning.min(completion),
            )
        };
        Some(
            Usage {
                input_fresh: prompt - cached - written,
                input_cached: cached,
                cache_write: written,
                cache_write_1h: 0,
                output,
                reasoning,
                disagrees: false,
            }
            .checked(Some(self.total_tokens.get())),
        )
    }
}

/// A count, however it is written: what is not a number, or below zero, counts nothing; fractions
/// are cut off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(u64);

impl Count {
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a count")
            }
            fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }
            fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(count).unwrap_or(0)))
            }
            fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
                // Text rather than a cast: a cast would hide what does not fit.
                Ok(Count(format!("{:.0}", count.trunc()).parse().unwrap_or(0)))
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_unit<E: Error>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(json: &str) -> Option<Usage> {
        serde_json::from_str::<UsageShape>(json).unwrap().classes()
    }

    #[test]
    fn classes_do_not_overlap() {
        let usage = classes(
            r#"{"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 20}}"#,
        );
        let expected = Usage {
            input_fresh: 10,
            input_cached: 60,
            cache_write: 30,
            cache_write_1h: 0,
            output: 30,
            reasoning: 20,
            disagrees: false,
        };
        assert_eq!(usage, Some(expected));
    }

    #[test]
    fn cached_tokens_are_found_where_each_server_puts_them() {
        for cached in [
            r#""prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 3"#,
            r#""cached_tokens": 7"#,
            r#""num_cached_tokens": 7"#,
            r#""prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": null}"#,
        ] {
            let json = format!(r#"{{"prompt_tokens": 10, "completion_tokens": 1, {cached}}}"#);
            let usage = classes(&json).unwrap();
            assert_eq!((usage.input_cached, usage.input_fresh), (7, 3), "{cached}");
        }
    }

    #[test]
    fn reasoning_outside_of_completion_tokens_shows_in_the_total() {
        let usage = classes(
            r#"{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 315,
                "completion_tokens_details": {"reasoning_tokens": 300}}"#,
        )
        .unwrap();
        assert_eq!(
            (usage.output, usage.reasoning, usage.total_tokens()),
            (5, 300, 315)
        );
    }

    #[test]
    fn nonsense_counts_nothing() {
        assert_eq!(classes(r#"{"cost": 0.1}"#), None);
        assert_eq!(
            classes(r#"{"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": "many"}"#),
            Some(Usage {
                input_fresh: 3,
                output: 2,
                ..Usage::default()
            })
        );
        for unread in ["-3", "2.9", "1e30", "\"10\"", "[]"] {
            let usage = format!(r#"{{"prompt_tokens": {unread}, "completion_tokens": 2}}"#);
            assert_eq!(classes(&usage), None, "{unread}");
        }
        assert_eq!(
            classes(
                r#"{"prompt_tokens": 3, "prompt_tokens_details": [1], "completion_tokens_details": "none"}"#
            ),
            Some(Usage {
                input_fresh: 3,
                ..Usage::default()
            })
        );
        assert_eq!(
            classes(r#"{"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 99}}"#),
            Some(Usage {
                input_cached: 3,
                ..Usage::default()
            })
        );
    }
}
