//! Cost against arithmetic on paper.

use proptest::prelude::*;

use super::*;

/// Decimal digits, least first: arithmetic as on paper, sharing nothing with what it checks.
#[derive(Clone, Default)]
struct Digits(Vec<u8>);

impl Digits {
    fn of(number: u64) -> Self {
        Self(
            number
                .to_string()
                .bytes()
                .rev()
                .map(|byte| byte - b'0')
                .collect(),
        )
    }

    fn plus(&self, other: &Self) -> Self {
        let mut sum = Vec::new();
        let mut carry = 0;
        for place in 0..=self.0.len().max(other.0.len()) {
            let digit = |number: &Self| number.0.get(place).copied().unwrap_or(0);
            let total = digit(self) + digit(other) + carry;
            sum.push(total % 10);
            carry = total / 10;
        }
        Self(sum)
    }

    fn times(&self, other: &Self) -> Self {
        let mut places = vec![0u64; self.0.len() + other.0.len() + 1];
        for (left_place, left) in self.0.iter().enumerate() {
            for (right_place, right) in other.0.iter().enumerate() {
                places[left_place + right_place] += u64::from(*left) * u64::from(*right);
            }
        }
        let mut carry = 0;
        let digits = places.into_iter().map(|place| {
            let total = place + carry;
            carry = total / 10;
            u8::try_from(total % 10).unwrap()
        });
        Self(digits.collect())
    }

    /// Divided by a million, half up, or the largest amount.
    fn millionth(&self) -> u64 {
        let half_up = self.plus(&Self::of(500_000));
        let text: String = half_up
            .0
            .iter()
            .skip(6)
            .rev()
            .map(|digit| char::from(digit + b'0'))
            .collect();
        let text = text.trim_start_matches('0');
        if text.is_empty() {
            0
        } else {
            text.parse().unwrap_or(u64::MAX)
        }
    }
}

/// Small, realistic and extreme numbers alike.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..10u64,
        0..2_000_000u64,
        0..100_000_000_000u64,
        any::<u64>(),
        Just(u64::MAX)
    ]
}

fn rate() -> impl Strategy<Value = Option<PricePerMtok>> {
    prop::option::of(number().prop_map(PricePerMtok))
}

proptest! {
    #[test]
    fn cost_agrees_with_arithmetic_on_paper(
        tokens in prop::array::uniform6(number()),
        input in number(),
        output in number(),
        cache in prop::array::uniform3(rate()),
        reasoning in rate(),
        whole: bool,
    ) {
        let billing =
            if whole { ReasoningBilling::WholeAnswer } else { ReasoningBilling::ReasoningTokens };
        let rates = Rates {
            input: PricePerMtok(input),
            output: PricePerMtok(output),
            cache_read: cache[0],
            cache_write: cache[1],
            cache_write_1h: cache[2],
            output_reasoning: reasoning.map(|price| ReasoningRate { price, billing }),
            ..Rates::default()
        };
        let usage = Usage {
            input_fresh: tokens[0],
            input_cached: tokens[1],
            cache_write: tokens[2],
            cache_write_1h: tokens[3],
            output: tokens[4],
            reasoning: tokens[5],
            disagrees: false,
        };
        let or = |rate: Option<PricePerMtok>, other: u64| rate.map_or(other, |price| price.0);
        let answer = if whole && tokens[5] > 0 { or(reasoning, output) } else { output };
        let prices = [
            input,
            or(cache[0], input),
            or(cache[1], input),
            or(cache[2], input),
            answer,
            or(reasoning, output),
        ];
        let exact = tokens.iter().zip(prices).fold(Digits::default(), |sum, (count, price)| {
            sum.plus(&Digits::of(*count).times(&Digits::of(price)))
        });
        let assumed = (0..3).any(|class| tokens[class + 1] > 0 && cache[class].is_none());
        prop_assert_eq!(
            rates.cost(&usage),
            Cost { amount: NanoUsd(exact.millionth()), assumed }
        );
    }
}
