//! What must hold of the score and the chances for any text.

use proptest::prelude::*;
use steelyard_router::{OwnHead, Score, ScoreInput, Scorer, Scratch};

fn score(text: &str) -> Score {
    let input = ScoreInput {
        segments: &[text],
        ..ScoreInput::default()
    };
    Scorer::shipped().score(&input, &mut Scratch::new())
}

/// The score of a turn under system instructions.
fn instructed(instructions: &[&str], turn: &str) -> Score {
    let input = ScoreInput {
        segments: &[turn],
        instructions,
        ..ScoreInput::default()
    };
    Scorer::shipped().score(&input, &mut Scratch::new())
}

proptest! {
    #[test]
    fn instructions_of_any_bytes_give_a_score_whatever_their_cuts_and_white_space(
        words in prop::collection::vec(
            "[a-zA-Z]{1,8}[,.:?]?|translate|Your task is to|You are|[翻译分类。？如果你是]{1,4}|\\PC{1,3}",
            0..900,
        ),
        blanks in prop::collection::vec("[ \t]{1,3}|\n|[ \u{3000}]\n", 1..6),
        more in prop::collection::vec("[ \r\t\u{200b}]{0,90}", 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let (mut plain, mut padded) = (String::new(), String::new());
        for (at, word) in words.iter().enumerate() {
            let (blank, more) = (&blanks[at % blanks.len()], &more[at % more.len()]);
            plain.extend([word, blank.as_str()]);
            padded.extend([word, more, blank.as_str(), more]);
        }
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(padded.len() + 1)).collect();
        at.retain(|cut| padded.is_char_boundary(*cut));
        at.extend([0, padded.len()]);
        at.sort_unstable();
        let cut: Vec<&str> =
            at.iter().zip(&at[1..]).filter_map(|(from, to)| padded.get(*from..*to)).collect();
        let score = instructed(&[&plain], "Hello");
        prop_assert!((0.0..=1.0).contains(&score.complexity));
        prop_assert_eq!(instructed(&cut, "Hello"), score);
    }

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
    fn white_space_of_any_length_changes_nothing(
        words in prop::collection::vec("[a-zA-Z0-9,.()]{1,8}|[证明素数代码]{1,4}", 1..1_500),
        joints in prop::collection::vec(any::<bool>(), 1..40),
        gaps in prop::collection::vec((0_usize..90_000, 0_usize..5), 4),
    ) {
        let spaces = [" ", "\t", "\u{3000}", "\u{a0}", " \u{200b}\r"];
        let long: Vec<String> = gaps
            .iter()
            .map(|(bytes, kind)| spaces[*kind].repeat(1 + bytes / spaces[*kind].len()))
            .collect();
        let (mut plain, mut padded) = (String::new(), long[0].clone());
        for (at, word) in words.iter().enumerate() {
            plain.push_str(word);
            padded.push_str(word);
            // Long ones twice, short ones elsewhere.
            let gap = match at {
                3 => &long[1],
                400 => &long[2],
                _ => "  ",
            };
            padded.push_str(gap);
            if joints[at % joints.len()] {
                plain.push('\n');
                padded.push_str("\n\n");
                padded.push_str(gap);
            } else {
                plain.push(' ');
            }
        }
        padded.push_str(&long[3]);
        prop_assert_eq!(score(&padded), score(&plain));
    }

    #[test]
    fn line_breaks_of_any_length_are_one(
        words in prop::collection::vec("[a-zA-Z0-9,.()]{1,8}|[证明素数代码]{1,4}", 1..900),
        breaks in 1_usize..70_000,
    ) {
        let long = "\n".repeat(breaks);
        let plain = words.join("\n");
        let padded = format!("{long}{}{long}", words.join("\n\n\n"));
        prop_assert_eq!(score(&padded), score(&plain));
        let middle = words.len() / 2;
        let padded = [words[..middle].join("\n"), words[middle..].join("\n")].join(&long);
        if middle > 0 {
            prop_assert_eq!(score(&padded), score(&plain));
        }
    }
}
