use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;

use super::dates::dated_rows;

/// The rates of a row, in the order in which they are written.
const RATES: [&str; 11] = [
    "input",
    "cache_read",
    "cache_read_explicit",
    "cache_write",
    "cache_write_1h",
    "cache_write_12h",
    "output",
    "output_reasoning",
    "input_audio",
    "cache_read_audio",
    "output_audio",
];

/// One line of a model's price list.
#[derive(Clone, Default)]
pub(super) struct Row<'a> {
    pub(super) service: &'a str,
    pub(super) above: u64,
    pub(super) from: Option<&'a str>,
    pub(super) until: Option<&'a str>,
    pub(super) weekdays: Vec<u64>,
    pub(super) hours: Vec<String>,
    pub(super) rates: Vec<(&'static str, &'a str)>,
}

impl Row<'_> {
    /// Whether every rate that this row has is the same in the other.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.service == other.service
            && self.above == other.above
            && self.rates.iter().all(|rate| other.rates.contains(rate))
    }

    fn write(&self, out: &mut String) {
        let mut fields = Vec::new();
        if self.service != "standard" {
            fields.push(format!("service: {}", self.service));
        }
        if self.above > 0 {
            fields.push(format!("input_tokens_above: {}", self.above));
        }
        fields.extend(self.from.map(|date| format!("from: {date}")));
        fields.extend(self.until.map(|date| format!("until: {date}")));
        if !self.weekdays.is_empty() {
            let days: Vec<_> = self.weekdays.iter().map(u64::to_string).collect();
            fields.push(format!("weekdays: [{}]", days.join(", ")));
        }
        if !self.hours.is_empty() {
            let hours: Vec<_> = self
                .hours
                .iter()
                .map(|range| format!("\"{range}\""))
                .collect();
            fields.push(format!("hours_utc: [{}]", hours.join(", ")));
        }
        fields.extend(
            self.rates
                .iter()
                .map(|(key, amount)| format!("{key}: {amount}")),
        );
        let _ = writeln!(out, "      - {{ {} }}", fields.join(", "));
    }
}

/// The price book, from the catalogue and the list of mainland prices.
pub(crate) fn generate(catalogue: &str, mainland: &str) -> anyhow::Result<String> {
    let catalogue: Value = serde_json::from_str(catalogue).context("reading the catalogue")?;
    let retrieved = catalogue["retrieved"]
        .as_str()
        .context("the catalogue has no date")?;
    let models = catalogue["models"]
        .as_array()
        .context("the catalogue has no models")?;
    let mut out = HEADER.replace("RETRIEVED", retrieved);
    let mut vendor = "";
    for model in models {
        let provider = text(model, "provider")?;
        if text(model, "mode")? == "embedding" {
            continue;
        }
        if provider != vendor {
            vendor = provider;
            let _ = writeln!(out, "\n  # ---- {} ----", title(provider));
        }
        write_model(model, retrieved, &mut out)?;
    }
    write_mainland(mainland, &mut out)?;
    Ok(out)
}

/// The rows of a list of rates.
pub(super) fn rows_of(rates: &Value) -> anyhow::Result<Vec<Row<'_>>> {
    let rates = rates.as_array().context("rates are not a list")?;
    rates
        .iter()
        .map(|row| {
            Ok(Row {
                service: text(row, "service")?,
                above: row["input_tokens_above"]
                    .as_u64()
                    .context("a row without its tier")?,
                rates: RATES
                    .into_iter()
                    .filter_map(|key| Some((key, row.get(key)?.as_str()?)))
                    .collect(),
                ..Row::default()
            })
        })
        .collect()
}

fn write_model(model: &Value, retrieved: &str, out: &mut String) -> anyhow::Result<()> {
    let provider = text(model, "provider")?;
    let name = text(model, "model")?;
    let region = text(model, "region")?;
    out.push('\n');
    let compared = model["differences"].as_array().into_iter().flatten();
    for difference in compared {
        let shown = |key: &str| difference[key].as_str().unwrap_or("none").to_owned();
        let _ = writeln!(
            out,
            "  # sources differ: {} above {} tokens is {} in one, {} in the other",
            shown("field"),
            difference["tier"],
            shown("litellm"),
            shown("genai_prices"),
        );
    }
    let rows = dated_rows(model, retrieved)?;
    match region {
        "global" => writeln!(out, "  {provider}/{name}:")?,
        region => {
            writeln!(out, "  {provider}-{region}/{name}:")?;
            writeln!(out, "    region: {region}")?;
        }
    }
    if let Some(source) = model["sources"][0]["cites"].as_str() {
        writeln!(out, "    source: {source}")?;
    }
    if let Some(ends) = model["deprecation_date"].as_str() {
        writeln!(out, "    ends: {ends}")?;
    }
    let prices_mode = provider == "dashscope"
        && rows
            .iter()
            .any(|row| row.rates.iter().any(|(key, _)| *key == "output_reasoning"));
    if prices_mode {
        writeln!(out, "    reasoning_billing: whole_answer")?;
    }
    writeln!(out, "    rates:")?;
    for row in rows {
        row.write(out);
    }
    Ok(())
}

/// Rows with a note are doubtful and left out; the rest stays marked as low confidence.
fn write_mainland(csv: &str, out: &mut String) -> anyhow::Result<()> {
    const COLUMNS: usize = 17;
    out.push_str(MAINLAND);
    let mut model = "";
    for line in csv.lines().skip(1) {
        let columns: Vec<_> = line.splitn(COLUMNS, ',').collect();
        let [
            name,
            above,
            input,
            output,
            thinking,
            cache_read,
            cache_write,
            ..,
            updated,
            note,
        ] = columns[..]
        else {
            anyhow::bail!("a line of the mainland list has too few columns: {line}");
        };
        if !note.is_empty() {
            continue;
        }
        if name != model {
            model = name;
            writeln!(out, "\n  # low confidence; seen {updated}")?;
            writeln!(out, "  dashscope-cn/{name}:")?;
            writeln!(out, "    region: cn\n    confidence: low")?;
            if !thinking.is_empty() {
                writeln!(out, "    reasoning_billing: whole_answer")?;
            }
            writeln!(out, "    rates:")?;
        }
        let rates = [
            ("input", input),
            ("cache_read", cache_read),
            ("cache_write", cache_write),
            ("output", output),
            ("output_reasoning", thinking),
        ];
        Row {
            service: "standard",
            above: above.parse().context("the tier of a mainland price")?,
            rates: rates
                .into_iter()
                .filter(|(_, amount)| !amount.is_empty())
                .collect(),
            ..Row::default()
        }
        .write(out);
    }
    Ok(())
}

fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("no `{key}` in {value:.200}"))
}

fn title(provider: &str) -> &str {
    match provider {
        "openai" => "OpenAI",
        "anthropic" => "Anthropic",
        "google" => "Google",
        "dashscope" => "Alibaba DashScope, international (Singapore)",
        "deepseek" => "DeepSeek",
        "mistral" => "Mistral",
        other => other,
    }
}

const HEADER: &str = "\
# Price book: what models cost, in US dollars per 1,000,000 tokens.
#
# Written by `cargo xtask import-prices`. Facts (names, numbers, dates) as of RETRIEVED from
#   litellm 1.109.1             MIT License, Copyright (c) 2023 Berri AI
#   genai-prices 0.2.3          MIT License, Copyright (c) Pydantic Services Inc. 2025 to present
#   basellm/llm-metadata        Apache License 2.0 (mainland China only)
# The vendors' own pages, cited as `source`, were not read directly. Prices move every week:
# check them against the vendor before you rely on them, and change any number here. This is a
# list of prices, never a bill.
#
# A row of rates applies when all of its conditions do; fields left out mean any.
#   service              standard (default), batch, flex, priority, ultrafast
#   input_tokens_above   prompts with more tokens than this; then every token is billed at the row
#   from, until          dates in UTC; `until` is the first day on which it no longer applies
#   weekdays, hours_utc  1 is Monday; a row with hours goes before one without
# Rates: input, cache_read, cache_read_explicit (Alibaba's cache on request), cache_write,
# cache_write_1h, cache_write_12h, output, output_reasoning. Audio is recorded but not metered yet.
# `reasoning_billing: whole_answer`: with thinking on, the answer is billed at output_reasoning too.
# `ends`: the first day on which the vendor no longer serves the model.

retrieved: RETRIEVED

prices:
";

const MAINLAND: &str = "
  # ---- Alibaba DashScope, mainland China (Beijing) ----
  # Dollars as a third party converted them from the list in yuan. Low confidence throughout;
  # figures that looked copied or could not be traced to yuan are left out.
";
