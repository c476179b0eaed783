use super::Random;

/// A value with the interval that covers 95 % of its bootstrap samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// The interval of `measure` over samples drawn with replacement. Samples in which it is not a
/// number do not count.
pub fn bootstrap<T: Copy>(
    items: &[T],
    samples: u32,
    seed: u64,
    measure: impl Fn(&[T]) -> f64,
) -> Interval {
    let [interval] = bootstrap_all(items, samples, seed, |drawn| [measure(drawn)]);
    interval
}

/// The intervals of several measures, all over the same samples.
pub fn bootstrap_all<T: Copy, const N: usize>(
    items: &[T],
    samples: u32,
    seed: u64,
    measure: impl Fn(&[T]) -> [f64; N],
) -> [Interval; N] {
    let mut random = Random(seed);
    let mut drawn = items.to_vec();
    intervals((0..samples).map(|_| {
        for slot in &mut drawn {
            *slot = items[random.below(items.len())];
        }
        measure(&drawn)
    }))
}

/// The same for measures that ask only how often each of `count` items was drawn.
pub fn bootstrap_counts<const N: usize>(
    count: usize,
    samples: u32,
    seed: u64,
    measure: impl Fn(&[u32]) -> [f64; N],
) -> [Interval; N] {
    let mut random = Random(seed);
    let mut times = vec![0; count];
    intervals((0..samples).map(|_| {
        times.fill(0);
        for _ in 0..count {
            times[random.below(count)] += 1;
        }
        measure(&times)
    }))
}

fn intervals<const N: usize>(draws: impl Iterator<Item = [f64; N]>) -> [Interval; N] {
    let draws: Vec<[f64; N]> = draws.collect();
    std::array::from_fn(|measure| {
        let values = draws.iter().map(|draw| draw[measure]);
        let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let at = |permille: usize| {
            let value = values.get(last * permille / 1000);
            value.copied().unwrap_or(f64::NAN)
        };
        Interval {
            low: at(25),
            high: at(975),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(items: &[f64]) -> f64 {
        items.iter().sum::<f64>() / items.len() as f64
    }

    fn coins() -> Vec<f64> {
        (0..200).map(|index| f64::from(index % 2)).collect()
    }

    #[test]
    fn the_interval_covers_the_value_and_is_reproducible() {
        let interval = bootstrap(&coins(), 200, 1, mean);
        assert!(interval.low < 0.5 && interval.high > 0.5, "{interval:?}");
        assert!(interval.high - interval.low < 0.2);
        assert_eq!(interval, bootstrap(&coins(), 200, 1, mean));
    }

    #[test]
    fn all_measures_are_of_the_same_samples() {
        let alone = bootstrap(&coins(), 200, 1, mean);
        let all = bootstrap_all(&coins(), 200, 1, |drawn| [mean(drawn), 1.0 - mean(drawn)]);
        assert_eq!(all[0], alone);
        let turned = bootstrap(&coins(), 200, 1, |drawn| 1.0 - mean(drawn));
        assert_eq!(all[1], turned);
        let coins = coins();
        let [counted] = bootstrap_counts(coins.len(), 200, 1, |times| {
            let drawn = coins.iter().zip(times);
            let sum: f64 = drawn.map(|(coin, times)| coin * f64::from(*times)).sum();
            [sum / coins.len() as f64]
        });
        assert_eq!(counted, alone, "counts are of the same samples");
    }

    #[test]
    fn what_is_no_number_does_not_count_and_infinity_does() {
        let heads = |drawn: &[f64]| if mean(drawn) < 0.5 { f64::NAN } else { 1.0 };
        let interval = bootstrap(&coins(), 200, 1, heads);
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
        let never = bootstrap(&coins(), 200, 1, |_| f64::NAN);
        assert!(never.low.is_nan() && never.high.is_nan());
        let lost = |drawn: &[f64]| {
            if mean(drawn) < 0.5 {
                f64::NEG_INFINITY
            } else {
                1.0
            }
        };
        let interval = bootstrap(&coins(), 200, 1, lost);
        assert_eq!((interval.low, interval.high), (f64::NEG_INFINITY, 1.0));
        let nothing = bootstrap(&[], 20, 1, |drawn: &[f64]| mean(drawn));
        assert!(nothing.low.is_nan());
    }
}
