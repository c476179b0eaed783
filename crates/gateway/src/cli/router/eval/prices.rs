//! What calls cost in the data, where nobody says.

use anyhow::{Context, ensure};

/// More for a million tokens is a slip of the pen.
const MOST_DOLLARS: f64 = 100_000.0;

/// A price as it is given: MODEL=INPUT/OUTPUT.
pub(super) fn price_of(text: &str) -> anyhow::Result<(String, (f64, f64))> {
    let read = || {
        let (model, price) = text.rsplit_once('=')?;
        let (input, output) = price.split_once('/')?;
        let price: (f64, f64) = (input.parse().ok()?, output.parse().ok()?);
        (!model.is_empty()).then(|| (model.to_owned(), price))
    };
    let (model, price) =
        read().with_context(|| format!("{text}: a price is MODEL=INPUT/OUTPUT"))?;
    for dollars in [price.0, price.1] {
        ensure!(
            (0.0..=MOST_DOLLARS).contains(&dollars),
            "{text}: a price is from 0 to {MOST_DOLLARS} dollars per million tokens"
        );
    }
    Ok((model, price))
}

/// Dollars per million tokens of input and output, where none are given: list prices of the two
/// families that do not say their size, otherwise two cents per billion parameters for both.
pub(super) fn usual_price(model: &str) -> (f64, f64) {
    if model.contains("gemini") {
        return if model.contains("flash") {
            (0.075, 0.3)
        } else {
            (1.25, 5.0)
        };
    }
    let size = billions(model).unwrap_or(50.0);
    (0.02 * size, 0.02 * size)
}

/// `llama-3-70b` has 70; of `8x7b` about a quarter works at a time.
fn billions(model: &str) -> Option<f64> {
    model.split(['-', '_']).find_map(|part| {
        let number = part.strip_suffix('b')?;
        match number.split_once('x') {
            Some((experts, size)) => {
                Some(experts.parse::<f64>().ok()? * size.parse::<f64>().ok()? / 4.0)
            }
            None => number.parse().ok(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_names() {
        assert_eq!(billions("llama-3.1-70b-instruct"), Some(70.0));
        assert_eq!(billions("mixtral-8x7b-v0.1"), Some(14.0));
        assert_eq!(billions("gpt-4-1106-preview"), None);
    }

    #[test]
    fn a_price_is_read_or_refused() {
        assert_eq!(
            price_of("a=b=0.1/2").expect("a price"),
            ("a=b".to_owned(), (0.1, 2.0))
        );
        for wrong in [
            "a=1", "a=-1/2", "a=inf/1", "a=1/NaN", "a=1/1e9", "=1/2", "1/2",
        ] {
            assert!(price_of(wrong).is_err(), "{wrong}");
        }
    }
}
