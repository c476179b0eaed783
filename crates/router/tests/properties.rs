//! What must hold of the score and the chances for any text.

use proptest::prelude::*;
use steelyard_router::{OwnHead, Score, ScoreInput, Scorer, Scratch, Shape};

fn score(text: &str) -> Score {
    let input = ScoreInput {
        segments: &[text],
        shape: Shape::default(),
    };
    Scorer::shipped().score(&input, &mut Scratch::new())
}

proptest! {
    #[test]
    fn any_bytes_and_any_head_give_a_chance(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000),
        capability in any::<f32>(),
        constant in -1_000_f32..=1_000.0,
        slope in -1_000_f32..=1_000.0,
        topics in prop::collection::vec(-1_000_f32..=1_000.0, OwnHead::TOPICS),
    ) {
        let scorer = Scorer::shipped();
        let score = score(&String::from_utf8_lossy(&bytes));
        prop_assert!(score.complexity.is_finite() && (0.0..=1.0).contains(&score.complexity));
        let own = OwnHead::residual(constant, slope, &topics).expect("finite numbers");
        let recorded = scorer.models().map(OwnHead::from);
        for head in recorded.chain([own]) {
            let chance = scorer.chance_of(capability, Some(&head), &score);
            prop_assert!((0.0..=1.0).contains(&chance), "{} {:?}", chance, head);
        }
        let chance = scorer.chance_of(capability, None, &score);
        prop_assert!((0.0..=1.0).contains(&chance), "{}", chance);
    }

    #[test]
    fn long_padding_changes_nothing(
        words in prop::collection::vec("[a-zA-Z0-9,.()]{1,8}|[证明素数代码]{1,4}", 1..300),
        before in (0_usize..20_000, "[ \\t\\n]|\u{3000}|\u{a0}"),
        after in (0_usize..20_000, "[ \\t\\n]|\u{3000}|\u{a0}"),
    ) {
        // White space is bounded by 32 KiB at each end; wide spaces have three bytes.
        let pad = |(bytes, space): (usize, String)| space.repeat(bytes / space.len());
        let plain = words.join(" ");
        let padded = format!("{}{plain}{}", pad(before), pad(after));
        prop_assert_eq!(score(&padded), score(&plain));
    }
}
