//! How many outcomes are enough: the recipe on a few prompts, graded on all others.

use std::collections::BTreeSet;

use anyhow::ensure;
use steelyard_router::eval::{Interval, PairPoint, grade_pair};
use steelyard_router::{HeldOut, Judged, Scorer, Trial};

use super::super::super::say;
use super::outcomes::{Of, Outcomes};

/// What one draw of prompts led to, averaged over the models.
struct Draw {
    capability: f64,
    head: f64,
    printed: f64,
    length: f64,
    /// 1 if `calibrate` would have printed heads.
    helped: f64,
    /// Gain of the pair: by capability, head, what is printed, length.
    pair: Option<[f64; 4]>,
}

/// Prints what calibrating on each of these numbers of prompts gives.
pub(super) fn print(
    scorer: &Scorer,
    outcomes: &Outcomes,
    sizes: &[usize],
    draws: u64,
) -> anyhow::Result<()> {
    let judged = outcomes.values().flat_map(|of| &of.judged);
    let prompts: BTreeSet<u64> = judged.map(|one| one.prompt).collect();
    for size in sizes {
        ensure!(
            (1..prompts.len()).contains(size),
            "--learning-curve {size}: the outcomes have {} prompts that the scorer tells apart, of which \
             one at least is drawn and one at least left to grade on",
            prompts.len()
        );
    }
    let prompts: Vec<u64> = prompts.into_iter().collect();
    let pair = ends(outcomes);
    say(&format!(
        "{} prompts, {} models, {draws} draws, weights {}",
        prompts.len(),
        outcomes.len(),
        scorer.identity()
    ));
    if let Some((weak, strong)) = &pair {
        say(&format!("pair: {weak} -> {strong}"));
    }
    say("Log loss on the prompts not drawn, mean of the models; in brackets 95 % of the draws.");
    say(&format!(
        "{:>7} {:>10} {:>8} {:>8} {:>8}  {:<26} {:>7}  {:>10} {:>6} {:>7} {:>6}",
        "prompts",
        "capability",
        "own head",
        "printed",
        "length",
        "printed better by",
        "printed",
        "APGR cap.",
        "head",
        "printed",
        "length"
    ));
    for size in sizes {
        let drawn: Vec<Draw> = (0..draws)
            .map(|seed| draw(scorer, outcomes, &prompts, *size, seed, pair.as_ref()))
            .collect();
        print_row(*size, &drawn);
    }
    Ok(())
}

fn print_row(size: usize, draws: &[Draw]) {
    let mean =
        |of: &dyn Fn(&Draw) -> f64| draws.iter().map(of).sum::<f64>() / draws.len().max(1) as f64;
    let better = |draw: &Draw| draw.capability - draw.printed;
    let Interval { low, high } = spread(draws.iter().map(better).collect());
    let mut row = format!(
        "{size:>7} {:>10.4} {:>8.4} {:>8.4} {:>8.4}  {:<26} {:>5.0} %",
        mean(&|draw| draw.capability),
        mean(&|draw| draw.head),
        mean(&|draw| draw.printed),
        mean(&|draw| draw.length),
        format!("{:+.4} ({low:+.4} .. {high:+.4})", mean(&better)),
        100.0 * mean(&|draw| draw.helped),
    );
    if draws.iter().all(|draw| draw.pair.is_some()) {
        let pair = |index: usize| mean(&|draw| draw.pair.map_or(f64::NAN, |pair| pair[index]));
        let gained = [0, 1, 2, 3].map(pair);
        row.push_str(&match gained {
            [capability, head, printed, length] if gained.iter().all(|gain| gain.is_finite()) => {
                format!("  {capability:>10.3} {head:>6.3} {printed:>7.3} {length:>6.3}")
            }
            _ => "  no gap between the models".to_owned(),
        });
    }
    say(&row);
}

/// The interval that covers 95 % of the values.
fn spread(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |permille: usize| values.get(last * permille / 1000).copied();
    Interval {
        low: at(25).unwrap_or(f64::NAN),
        high: at(975).unwrap_or(f64::NAN),
    }
}

/// The best model of the weakest third and the best of all, by their mean scores.
fn ends(outcomes: &Outcomes) -> Option<(String, String)> {
    let mean = |judged: &[Judged]| {
        let sum: f64 = judged.iter().map(|one| f64::from(one.outcome)).sum();
        sum / judged.len().max(1) as f64
    };
    let mut models: Vec<(f64, &String)> = outcomes
        .iter()
        .map(|(model, of)| (mean(&of.judged), model))
        .collect();
    models.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = models.len().checked_sub(1)?;
    let weak = (models.len() / 3).min(last.checked_sub(1)?);
    Some((models[weak].1.clone(), models[last].1.clone()))
}

fn draw(
    scorer: &Scorer,
    outcomes: &Outcomes,
    prompts: &[u64],
    size: usize,
    seed: u64,
    pair: Option<&(String, String)>,
) -> Draw {
    let mut order: Vec<(u64, u64)> = prompts
        .iter()
        .map(|prompt| (mixed(*prompt, seed), *prompt))
        .collect();
    order.sort_unstable();
    let drawn: BTreeSet<u64> = order.iter().take(size).map(|(_, prompt)| *prompt).collect();
    let mut draw = Draw {
        capability: 0.0,
        head: 0.0,
        printed: 0.0,
        length: 0.0,
        helped: 0.0,
        pair: None,
    };
    let split = |of: &Of| -> (Vec<Judged>, Vec<Judged>) {
        of.judged
            .iter()
            .copied()
            .partition(|one: &Judged| drawn.contains(&one.prompt))
    };
    let (fitted, others): (Vec<Vec<Judged>>, Vec<Vec<Judged>>) =
        outcomes.values().map(split).unzip();
    let helps = scorer.calibrate(&fitted).helps();
    let forecasts = scorer.forecast(&borrow(&fitted), &borrow(&others));
    let count = outcomes.len() as f64;
    let mut ends: [Vec<(u64, HeldOut)>; 2] = Default::default();
    for (((model, _), others), forecasts) in outcomes.iter().zip(&others).zip(forecasts) {
        if let Some((weak, strong)) = pair {
            for (end, name) in ends.iter_mut().zip([weak, strong]) {
                if name == model {
                    let rows = others.iter().zip(&forecasts);
                    *end = rows.map(|(one, row)| (one.prompt, *row)).collect();
                }
            }
        }
        let graded = Trial::of(forecasts);
        draw.capability += graded.capability.log_loss / count;
        draw.head += graded.head.log_loss / count;
        draw.length += graded.length.log_loss / count;
        let printed = if helps {
            graded.head
        } else {
            graded.capability
        };
        draw.printed += printed.log_loss / count;
    }
    draw.helped = f64::from(u8::from(helps));
    draw.pair = gains(ends, helps);
    draw
}

fn borrow(models: &[Vec<Judged>]) -> Vec<Vec<&Judged>> {
    models.iter().map(|own| own.iter().collect()).collect()
}

/// What each way to judge gains of the pair's difference.
fn gains([weak, mut strong]: [Vec<(u64, HeldOut)>; 2], helps: bool) -> Option<[f64; 4]> {
    strong.sort_by_key(|(prompt, _)| *prompt);
    let both: Vec<(HeldOut, HeldOut)> = weak
        .iter()
        .filter_map(|(prompt, row)| {
            let found = strong.binary_search_by_key(prompt, |(other, _)| *other);
            Some((*row, strong.get(found.ok()?)?.1))
        })
        .collect();
    if both.is_empty() {
        return None;
    }
    let gain = |forecast: &dyn Fn(&HeldOut) -> f64| {
        let points: Vec<PairPoint> = both
            .iter()
            .map(|(weak, strong)| PairPoint {
                order: forecast(strong) - forecast(weak),
                weak: weak.outcome,
                strong: strong.outcome,
            })
            .collect();
        grade_pair(&points).apgr
    };
    let (capability, head) = (gain(&|row| row.capability), gain(&|row| row.head));
    let printed = if helps { head } else { capability };
    Some([capability, head, printed, gain(&|row| row.length)])
}

/// Puts prompts in another order for every seed.
fn mixed(hash: u64, seed: u64) -> u64 {
    let mut mixed = hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
