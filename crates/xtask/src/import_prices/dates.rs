use anyhow::Context as _;
use serde_json::Value;

use super::book::{Row, rows_of};

/// One step in the history of a model's standard rates.
struct Step<'a> {
    from: Option<&'a str>,
    rates: &'a Value,
}

/// All rows of a model, with the dates of its history.
pub(super) fn dated_rows<'a>(model: &'a Value, retrieved: &str) -> anyhow::Result<Vec<Row<'a>>> {
    let off_peak = off_peak_rows(model)?;
    let base = rows_of(&model["rates"])?;
    let steps = steps(model);
    if steps.is_empty() {
        return Ok([base, off_peak].concat());
    }
    let in_force = in_force(&steps, &base, &off_peak, retrieved)?;
    let mut rows = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let until = steps.get(index + 1).and_then(|next| next.from);
        let own = if index == in_force {
            [base.clone(), off_peak.clone()].concat()
        } else {
            let own = rows_of(step.rates)?;
            // Since its first change this vendor bills by the hour, and the history has the rates
            // outside peak hours; what peak hours cost then is not known.
            match off_peak.is_empty() || step.from.is_none() {
                true => own,
                false => in_hours_of(&off_peak, &own),
            }
        };
        rows.extend(own.into_iter().map(|row| Row {
            from: step.from,
            until,
            ..row
        }));
    }
    Ok(rows)
}

/// The history without the entries for hours of the day, which `time_of_use` has more exactly.
fn steps(model: &Value) -> Vec<Step<'_>> {
    let mut steps: Vec<_> = model["dated_rates"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("daily_window_utc").is_none())
        .map(|entry| Step {
            from: entry["from"].as_str(),
            rates: &entry["rates"],
        })
        .collect();
    steps.sort_by_key(|step| step.from);
    steps
}

/// The step that the list of rates in force shows: the last one up to now with the same numbers,
/// or the last one up to now if none has.
fn in_force(
    steps: &[Step<'_>],
    base: &[Row<'_>],
    off_peak: &[Row<'_>],
    retrieved: &str,
) -> anyhow::Result<usize> {
    let shown = if off_peak.is_empty() { base } else { off_peak };
    let mut last = 0;
    let mut same = None;
    for (index, step) in steps.iter().enumerate() {
        if step.from.is_some_and(|from| from > retrieved) {
            break;
        }
        last = index;
        let rows = rows_of(step.rates)?;
        if rows
            .iter()
            .all(|row| shown.iter().any(|other| row.agrees_with(other)))
        {
            same = Some(index);
        }
    }
    Ok(same.unwrap_or(last))
}

/// These rates in the hours of those rows.
fn in_hours_of<'a>(hours: &[Row<'a>], rates: &[Row<'a>]) -> Vec<Row<'a>> {
    hours
        .iter()
        .flat_map(|window| {
            rates.iter().map(|row| Row {
                hours: window.hours.clone(),
                weekdays: window.weekdays.clone(),
                ..row.clone()
            })
        })
        .collect()
}

/// Rows of the hours in which another rate applies, one for each set of weekdays.
fn off_peak_rows(model: &Value) -> anyhow::Result<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    for period in model["time_of_use"].as_array().into_iter().flatten() {
        let rates = rows_of(&period["rates"])?;
        let windows = period["windows_utc"]
            .as_array()
            .context("time_of_use without windows")?;
        for window in windows {
            let weekdays: Vec<_> = window["weekdays"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            let hours = match &window["hours_utc"] {
                Value::String(one) => vec![one.as_str()],
                many => many
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect(),
            };
            let hours: Vec<_> = hours
                .into_iter()
                .filter(|range| *range != "00:00-00:00")
                .map(|range| match range.strip_suffix("-00:00") {
                    Some(from) => format!("{from}-24:00"),
                    None => range.to_owned(),
                })
                .collect();
            rows.extend(rates.iter().map(|row| Row {
                hours: hours.clone(),
                weekdays: weekdays.clone(),
                ..row.clone()
            }));
        }
    }
    Ok(rows)
}
