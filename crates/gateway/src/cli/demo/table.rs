//! The demo's table and summary, within 100 columns.

use anyhow::Context;
use serde_json::Value;
use steelyard_types::NanoUsd;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::client::Answer;
use super::prompts::Prompt;

/// Columns that a prompt may take.
const PROMPT_COLUMNS: usize = 30;
/// Columns that a model may take.
const MODEL_COLUMNS: usize = 17;

/// One sample with what became of it.
pub(super) struct Row {
    number: usize,
    prompt: String,
    model: String,
    complexity: f64,
    reason: &'static str,
    latency_ms: u128,
    cost: NanoUsd,
    strongest: NanoUsd,
    /// Models that failed before, with the reason.
    failed: Vec<(String, String)>,
    error: Option<String>,
}

impl Row {
    pub(super) fn new(
        number: usize,
        prompt: &Prompt,
        answer: &Answer,
        record: &Value,
    ) -> anyhow::Result<Self> {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let failed = record["failed"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let cost = record["cost_nano_usd"]
            .as_u64()
            .context("a log line has no cost")?;
        let error = match answer.usable {
            true => None,
            false => Some(format!(
                "no answer: status {}, {}",
                answer.status, record["outcome"]
            )),
        };
        Ok(Self {
            number,
            prompt: prompt.text.to_owned(),
            model: word(&record["model"]),
            complexity: record["complexity"].as_f64().unwrap_or_default(),
            reason: match (failed.is_empty(), record["reason"].as_str()) {
                (false, _) => "fallback",
                (true, Some("cheapest_adequate")) => "cheapest",
                (true, Some("best_value")) => "value",
                (true, Some("strongest_available")) => "strongest",
                (true, _) => "-",
            },
            latency_ms: answer.latency.as_millis(),
            cost: NanoUsd(cost),
            strongest: NanoUsd(record["strongest_cost_nano_usd"].as_u64().unwrap_or(cost)),
            failed: failed
                .iter()
                .map(|one| (word(&one["model"]), word(&one["kind"])))
                .collect(),
            error,
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{:>2}  {}  {}  {:.2}  {:<9}  {:>6}  {:>9}  {:>9}",
            self.number,
            fit(&self.prompt, PROMPT_COLUMNS),
            fit(&self.model, MODEL_COLUMNS),
            self.complexity,
            self.reason,
            self.latency_ms,
            dollars(self.cost),
            dollars(self.strongest),
        )];
        for (model, kind) in &self.failed {
            lines.push(format!(
                "      {model} failed ({kind}), so the next of the ladder answered"
            ));
        }
        lines.extend(self.error.iter().map(|error| format!("      {error}")));
        lines
    }
}

pub(super) fn head() -> [String; 3] {
    [
        String::new(),
        format!(
            "{:>2}  {}  {}  {:<4}  {:<9}  {:>6}  {:>9}  {:>9}",
            "#",
            fit("prompt", PROMPT_COLUMNS),
            fit("model", MODEL_COLUMNS),
            "cplx",
            "reason",
            "ms",
            "cost $",
            "strongest",
        ),
        "-".repeat(100),
    ]
}

/// Sums over all samples.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) failed: usize,
    answered: usize,
    fallbacks: usize,
    cost: u64,
    strongest: u64,
    by_model: Vec<(String, usize, u64)>,
}

impl Summary {
    pub(super) fn add(&mut self, row: &Row) {
        match row.error {
            None => self.answered += 1,
            Some(_) => self.failed += 1,
        }
        self.fallbacks += row.failed.len();
        self.cost += row.cost.0;
        self.strongest += row.strongest.0;
        match self
            .by_model
            .iter_mut()
            .find(|(model, ..)| *model == row.model)
        {
            Some((_, count, cost)) => {
                *count += 1;
                *cost += row.cost.0;
            }
            None => self.by_model.push((row.model.clone(), 1, row.cost.0)),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut by_model = self.by_model.clone();
        by_model.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut lines = vec!["-".repeat(100)];
        lines.extend(by_model.iter().map(|(model, count, cost)| {
            format!("{:>36}  {count:>3} requests  $ {}", model, NanoUsd(*cost))
        }));
        let saved = self.strongest.saturating_sub(self.cost);
        // Tenths of a percent, in integers.
        let share = (saved * 1_000)
            .checked_div(self.strongest)
            .unwrap_or_default();
        lines.extend([
            String::new(),
            format!("{} answered, {} fallbacks", self.answered, self.fallbacks),
            format!("cost                    $ {}", NanoUsd(self.cost)),
            format!("all on the strongest    $ {}", NanoUsd(self.strongest)),
            format!(
                "saved                   $ {}  ({}.{} %)",
                NanoUsd(saved),
                share / 10,
                share % 10
            ),
            "Prices are list prices of config/prices.yaml; answers and token counts are simulated."
                .to_owned(),
        ]);
        lines
    }
}

/// Dollars with seven decimals, rounded up so that nothing looks free.
fn dollars(amount: NanoUsd) -> String {
    let tenth_micros = amount.0.div_ceil(100);
    format!(
        "{}.{:07}",
        tenth_micros / 10_000_000,
        tenth_micros % 10_000_000
    )
}

/// Text in exactly so many columns: cut with an ellipsis, or filled up. A Chinese character takes
/// two.
fn fit(text: &str, columns: usize) -> String {
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let mut cut = String::new();
    let mut used = 0;
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if used + wide > columns - 1 {
            break;
        }
        used += wide;
        cut.push(character);
    }
    format!("{cut}…{}", " ".repeat(columns - 1 - used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_its_columns() {
        for text in [
            "",
            "short",
            "a much longer text than fits",
            "请解释什么是数据库事务的隔离级别",
        ] {
            assert_eq!(fit(text, 15).width(), 15, "{text}");
        }
    }

    #[test]
    fn the_head_fits_a_terminal() {
        for line in head() {
            assert!(line.width() <= 100, "{line}");
        }
    }
}
