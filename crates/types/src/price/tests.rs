mod oracle;

use proptest::prelude::*;

use super::*;
use crate::{NanoUsd, PricePerMtok, UnixMillis, Usage};

const DAY_MS: i64 = 86_400_000;
/// Monday 2026-11-23.
const MONDAY: i64 = 20_780;

fn row(input: u64) -> PriceRow {
    PriceRow {
        rates: rates(input),
        ..PriceRow::default()
    }
}

fn rates(input: u64) -> Rates {
    Rates {
        input: PricePerMtok(input),
        output: PricePerMtok(input * 2),
        ..Rates::default()
    }
}

fn at(day: i64, hour: i64, minute: i64) -> UnixMillis {
    UnixMillis(day * DAY_MS + (hour * 60 + minute) * 60_000)
}

fn input_rate(table: &PriceTable, at: UnixMillis, prompt_tokens: u64) -> Option<u64> {
    let query = PriceQuery {
        at,
        service: ServiceTier::Standard,
        prompt_tokens,
    };
    table.rates(&query).map(|rates| rates.input.0)
}

#[test]
fn a_context_tier_begins_above_its_number() {
    let tier = |above, input| PriceRow {
        input_tokens_above: above,
        ..row(input)
    };
    let table = PriceTable::new(vec![tier(272_000, 3), tier(0, 1), tier(32_000, 2)]).unwrap();
    let now = at(MONDAY, 0, 0);
    for (tokens, input) in [
        (0, 1),
        (1, 1),
        (32_000, 1),
        (32_001, 2),
        (272_000, 2),
        (272_001, 3),
        (u64::MAX, 3),
    ] {
        assert_eq!(input_rate(&table, now, tokens), Some(input), "{tokens}");
    }
}

#[test]
fn a_dated_price_changes_at_midnight_utc() {
    let change = Some(at(MONDAY, 0, 0));
    let table = PriceTable::new(vec![
        PriceRow {
            from: Some(at(MONDAY - 7, 0, 0)),
            until: change,
            ..row(1)
        },
        PriceRow {
            from: change,
            ..row(2)
        },
    ])
    .unwrap();
    let just_before = |at: UnixMillis| UnixMillis(at.0 - 1);
    assert_eq!(
        input_rate(&table, just_before(at(MONDAY - 7, 0, 0)), 1),
        None
    );
    assert_eq!(input_rate(&table, at(MONDAY - 7, 0, 0), 1), Some(1));
    assert_eq!(
        input_rate(&table, just_before(at(MONDAY, 0, 0)), 1),
        Some(1)
    );
    assert_eq!(input_rate(&table, at(MONDAY, 0, 0), 1), Some(2));
    assert_eq!(input_rate(&table, UnixMillis(i64::MAX), 1), Some(2));
}

#[test]
fn hours_and_weekdays_have_exact_edges() {
    let weekdays = (1..=5).fold(Weekdays::NONE, |set, day| set.with(day).unwrap());
    let weekend = Weekdays::NONE.with(6).unwrap().with(7).unwrap();
    let window = |days, from, until| DailyWindow::new(days, from, until).unwrap();
    let table = PriceTable::new(vec![
        row(2),
        PriceRow {
            windows: vec![
                window(weekdays, 0, 60),
                window(weekdays, 600, 1_440),
                window(weekend, 0, 1_440),
            ],
            ..row(1)
        },
    ])
    .unwrap();
    for (day, hour, minute, input) in [
        (MONDAY, 0, 0, 1),
        (MONDAY, 0, 59, 1),
        (MONDAY, 1, 0, 2),
        (MONDAY, 9, 59, 2),
        (MONDAY, 10, 0, 1),
        (MONDAY, 23, 59, 1),
        (MONDAY - 1, 5, 0, 1),
        (MONDAY - 2, 5, 0, 1),
        (MONDAY - 3, 5, 0, 2),
        (MONDAY + 4, 5, 0, 2),
        (MONDAY + 5, 0, 0, 1),
    ] {
        assert_eq!(
            input_rate(&table, at(day, hour, minute), 1),
            Some(input),
            "{day} {hour}"
        );
    }
}

#[test]
fn moments_before_the_epoch_have_weekdays_too() {
    let wednesday = DailyWindow::new(Weekdays::NONE.with(3).unwrap(), 1_439, 1_440).unwrap();
    assert!(wednesday.contains(UnixMillis(-1)));
    assert!(!wednesday.contains(UnixMillis(0)));
    assert!(!wednesday.contains(UnixMillis(-60_001)));
    for extreme in [i64::MIN, i64::MAX] {
        let _ = wednesday.contains(UnixMillis(extreme));
    }
}

#[test]
fn an_unknown_service_has_no_price() {
    let table = PriceTable::new(vec![
        row(1),
        PriceRow {
            service: ServiceTier::Flex,
            ..row(2)
        },
    ])
    .unwrap();
    for (service, input) in [
        (ServiceTier::Standard, Some(1)),
        (ServiceTier::Flex, Some(2)),
        (ServiceTier::Priority, None),
        (ServiceTier::Batch, None),
        (ServiceTier::Ultrafast, None),
    ] {
        let query = PriceQuery {
            at: at(MONDAY, 0, 0),
            service,
            prompt_tokens: 1,
        };
        assert_eq!(
            table.rates(&query).map(|rates| rates.input.0),
            input,
            "{service:?}"
        );
        let free = PriceTable::free().cost(
            &Usage {
                output: 5,
                ..Usage::default()
            },
            &query,
        );
        assert_eq!(free, Some(Cost::default()));
    }
    assert_eq!(
        input_rate(&PriceTable::default(), at(MONDAY, 0, 0), 1),
        None
    );
}

#[test]
fn contradictions_are_refused() {
    assert_eq!(
        PriceTable::new(vec![row(1), row(2)]),
        Err(PriceTableError::Overlap {
            first: 0,
            second: 1
        })
    );
    let backwards = PriceRow {
        from: Some(UnixMillis(5)),
        until: Some(UnixMillis(5)),
        ..row(1)
    };
    assert_eq!(
        PriceTable::new(vec![backwards]),
        Err(PriceTableError::NeverValid { row: 0 })
    );
    let next = PriceRow {
        from: Some(UnixMillis(5)),
        ..row(1)
    };
    let last = PriceRow {
        until: Some(UnixMillis(5)),
        ..row(1)
    };
    assert!(PriceTable::new(vec![next.clone(), last]).is_ok());
    let last = PriceRow {
        until: Some(UnixMillis(6)),
        ..row(1)
    };
    assert!(PriceTable::new(vec![next, last]).is_err());
    assert_eq!(DailyWindow::new(Weekdays::ALL, 60, 60), None);
    assert_eq!(DailyWindow::new(Weekdays::ALL, 0, 1_441), None);
    assert_eq!(Weekdays::NONE.with(0), None);
    assert_eq!(Weekdays::NONE.with(8), None);
}

#[test]
fn rounding_is_half_up_and_once() {
    let one = Rates {
        input: PricePerMtok(1),
        output: PricePerMtok(1),
        ..Rates::default()
    };
    let amount = |input_fresh, output| {
        one.cost(&Usage {
            input_fresh,
            output,
            ..Usage::default()
        })
        .amount
        .0
    };
    assert_eq!(amount(499_999, 0), 0);
    assert_eq!(amount(500_000, 0), 1);
    // Each alone would round down; together they are a half.
    assert_eq!(amount(250_000, 250_000), 1);
    assert_eq!(amount(1_499_999, 0), 1);
}

#[test]
fn a_class_without_a_price_is_billed_as_input_and_says_so() {
    let known = Rates {
        cache_read: Some(PricePerMtok(1)),
        ..rates(1_000_000)
    };
    let usage = |cached, write| Usage {
        input_cached: cached,
        cache_write: write,
        ..Usage::default()
    };
    assert_eq!(
        known.cost(&usage(1_000_000, 0)),
        Cost {
            amount: NanoUsd(1),
            assumed: false
        }
    );
    assert_eq!(
        known.cost(&usage(0, 3)),
        Cost {
            amount: NanoUsd(3),
            assumed: true
        }
    );
    let reasoning = Usage {
        reasoning: 3,
        ..Usage::default()
    };
    assert_eq!(
        known.cost(&reasoning),
        Cost {
            amount: NanoUsd(6),
            assumed: false
        }
    );
}

#[test]
fn reasoning_can_reprice_the_whole_answer() {
    let with = |billing| Rates {
        output_reasoning: Some(ReasoningRate {
            price: PricePerMtok(5_000_000),
            billing,
        }),
        ..rates(1_000_000)
    };
    let usage = |reasoning| Usage {
        output: 10,
        reasoning,
        ..Usage::default()
    };
    let tokens_only = with(ReasoningBilling::ReasoningTokens);
    let whole = with(ReasoningBilling::WholeAnswer);
    assert_eq!(tokens_only.cost(&usage(1)).amount, NanoUsd(10 * 2 + 5));
    assert_eq!(whole.cost(&usage(1)).amount, NanoUsd(11 * 5));
    assert_eq!(whole.cost(&usage(0)).amount, NanoUsd(10 * 2));
}

proptest! {
    #[test]
    fn look_up_agrees_with_trying_every_row(
        rows in prop::collection::vec((0..5usize, 0..4u64, 0..4i64, 1..3i64, 1..1_000u64), 0..12),
        moment in 0..7i64,
        prompt_tokens in 0..5u64,
        service in 0..5usize,
    ) {
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(service, above, from, days, input)| PriceRow {
                service: ServiceTier::ALL[service],
                input_tokens_above: above,
                from: Some(UnixMillis(from)),
                until: Some(UnixMillis(from + days)),
                ..row(input)
            })
            .collect();
        let query = PriceQuery {
            at: UnixMillis(moment),
            service: ServiceTier::ALL[service],
            prompt_tokens,
        };
        let expected = rows
            .iter()
            .filter(|row| row.service == query.service)
            .filter(|row| row.from <= Some(query.at) && Some(query.at) < row.until)
            .filter(|row| row.input_tokens_above == 0 || prompt_tokens > row.input_tokens_above)
            .max_by_key(|row| row.input_tokens_above)
            .map(|row| row.rates);
        if let Ok(table) = PriceTable::new(rows) {
            prop_assert_eq!(table.rates(&query).copied(), expected);
        }
    }
}
