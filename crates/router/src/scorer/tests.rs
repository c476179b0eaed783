use proptest::prelude::*;
use steelyard_types::Effort;

use super::counters::Count;
use super::cues::Cue;
use super::*;
use crate::weights::{KNOTS, Quantiles, SHIPPED};

fn counts(text: &str) -> counters::Counts {
    let mut scratch = Scratch::new();
    let sink = Collect {
        buckets: Vec::new(),
    };
    scan_text(&[text], &mut scratch.0.distinct, cues::table(), sink).counts
}

fn tokens(text: &str) -> usize {
    extract(text, &mut Scratch::new()).words.len()
}

fn score(segments: &[&str]) -> Score {
    score_with(segments, Shape::default())
}

fn score_with(segments: &[&str], shape: Shape) -> Score {
    Scorer::shipped().score(
        &ScoreInput {
            segments,
            shape,
            ..ScoreInput::default()
        },
        &mut Scratch::new(),
    )
}

#[test]
fn a_text_of_an_alphabet_is_words_and_pairs() {
    assert_eq!(tokens("alpha beta gamma"), 3 + 2);
    assert_eq!(tokens("alpha alpha alpha"), 1 + 1);
    assert_eq!(extract("Größe ÉTÉ", &mut Scratch::new()).words.len(), 3);
    assert_eq!(tokens("ALPHA Beta"), tokens("alpha beta"));
}

#[test]
fn chinese_is_characters_and_adjacent_pairs() {
    assert_eq!(tokens("证明素数"), 4 + 3);
    // Punctuation and spaces part neighbours.
    assert_eq!(tokens("证明，素数"), 4 + 2);
    assert_eq!(tokens("证明 素数"), 4 + 2);
    // A word of an alphabet is no neighbour of a character.
    assert_eq!(tokens("用rust写"), 3);
    let read = counts("请证明：n³ - n 能被 6 整除。");
    assert_eq!(read.get(Count::Cjk), 7);
    assert_eq!(read.get(Count::Sentences), 1);
    assert_eq!(read.get(Count::Colons), 1);
}

#[test]
fn the_models_of_the_data_have_heads() {
    let scorer = Scorer::shipped();
    let easy = score(&["What is the capital of France?"]);
    let chance = |name: &str| scorer.model(name).expect("a head").success(&easy);
    assert!(chance("gpt-4-1106-preview") > chance("llama-2-7b-hf"));
    assert!(scorer.model("nobody").is_none());
    // Nothing of the sources whose licence forbids it.
    assert!(scorer.model("text_davinci_003").is_none() && scorer.models().count() > 60);
}

#[test]
fn levels_rise_with_the_count() {
    let levels = |text: &str| extract(text, &mut Scratch::new()).levels;
    let commas = |text: &str| {
        let few = levels("a")
            .into_iter()
            .map(|(first, ..)| first)
            .collect::<Vec<_>>();
        let all = levels(text);
        all.into_iter()
            .find(|(first, ..)| !few.contains(first))
            .map(|(_, level, _)| level)
    };
    assert_eq!(commas("a"), None);
    assert_eq!(commas("a,"), Some(1));
    assert_eq!(commas("a,,,"), Some(2));
    assert_eq!(commas(&format!("a{}", ",".repeat(4))), Some(3));
}

#[test]
fn both_languages_feed_the_same_cues() {
    for (english, chinese, cue) in [
        ("prove it", "证明它", Cue::Proof),
        ("write code", "写代码", Cue::Code),
        ("translate", "翻译", Cue::Translation),
        ("the contract", "这份合同", Cue::Law),
        ("deadlock", "死锁", Cue::Systems),
    ] {
        assert_eq!(counts(english).cue(cue), 1, "{english}");
        assert_eq!(counts(chinese).cue(cue), 1, "{chinese}");
    }
    assert_eq!(counts("improve").cue(Cue::Proof), 0);
}

#[test]
fn counters_count() {
    let read = counts("Sum 1234 and 5, then\n\n- `x`;\nB. {y} = \"z\"?");
    assert_eq!(read.get(Count::Numbers), 2);
    assert_eq!(read.get(Count::LongNumbers), 1);
    assert_eq!(read.get(Count::Digits), 5);
    assert_eq!(read.get(Count::Lines), 2);
    assert_eq!(read.get(Count::Items), 2);
    assert_eq!(read.get(Count::Backticks), 2);
    assert_eq!(read.get(Count::Brackets), 2);
    assert_eq!(read.get(Count::Quotes), 2);
    assert_eq!(read.get(Count::Questions), 1);
    assert_eq!(counter_names().count(), COUNTERS);
}

#[test]
fn letters_of_options_are_no_words() {
    assert_eq!(tokens("A. red\nB. blue"), tokens("red\nblue"));
}

#[test]
fn the_bias_is_always_on() {
    let position = counter_names().position(|name| name == "bias");
    let features = extract("", &mut Scratch::new()).counters;
    let bias = position.and_then(|at| features.get(at)).copied();
    assert_eq!(bias.map(f32::to_bits), Some(1.0_f32.to_bits()));
}

#[test]
fn a_long_text_is_read_at_both_ends_only() {
    let (head, tail) = ("prove ".repeat(600), "contract ".repeat(300));
    let short_gap = format!("{head}{}{tail}", "filler ".repeat(2_000));
    let long_gap = format!("{head}{}{tail}", "other ".repeat(200_000));
    assert_eq!(score(&[&short_gap]), score(&[&long_gap]));
    let read = counts(&long_gap);
    assert!(read.cue(Cue::Proof) > 300 && read.cue(Cue::Law) > 200);
    let bound = window::HEAD_BYTES + window::TAIL_BYTES;
    assert!(read.get(Count::Bytes) as usize <= bound + 8);
}

#[test]
fn the_cut_may_fall_into_a_wide_character() {
    for shift in 0..4 {
        let text = format!("{}{}", "x".repeat(shift), "证明".repeat(5_000));
        assert!(score(&[&text]).complexity.is_finite());
    }
}

#[test]
fn a_used_scratch_changes_nothing() {
    let mut scratch = Scratch::new();
    let scorer = Scorer::shipped();
    let texts = ["Prove it.", "你好", "", "fn main() {}"];
    for text in texts.iter().chain(texts.iter().rev()) {
        let segments = [*text];
        let input = ScoreInput {
            segments: &segments,
            ..ScoreInput::default()
        };
        assert_eq!(scorer.score(&input, &mut scratch), score(&[text]), "{text}");
    }
}

#[test]
fn shape_only_adds_difficulty() {
    let text = ["Explain how a hash table handles collisions."];
    let plain = score(&text);
    for shape in [
        Shape {
            turns: 6,
            ..Shape::default()
        },
        Shape {
            system_bytes: 9_000,
            ..Shape::default()
        },
        Shape {
            history_bytes: u32::MAX,
            ..Shape::default()
        },
        Shape {
            tools: 4,
            tool_results: 2,
            ..Shape::default()
        },
        Shape {
            has_schema: true,
            ..Shape::default()
        },
        Shape {
            images: 1,
            ..Shape::default()
        },
        Shape {
            reasoning: Some(Effort::Low),
            ..Shape::default()
        },
    ] {
        assert!(
            score_with(&text, shape).complexity > plain.complexity,
            "{shape:?}"
        );
    }
}

#[test]
fn more_asked_thinking_is_harder_and_longer() {
    let text = ["Which of these two contracts is riskier for the tenant, and why?"];
    let with = |reasoning| {
        let shape = Shape {
            reasoning,
            ..Shape::default()
        };
        let score = score_with(&text, shape);
        (score.complexity, score.expected_output_tokens)
    };
    let plain = with(None);
    assert_eq!(with(Some(Effort::None)), plain);
    let mut before = plain;
    for effort in [Effort::Low, Effort::Medium, Effort::High] {
        let this = with(Some(effort));
        assert!(this.0 > before.0 && this.1 > before.1, "{effort:?}");
        before = this;
    }
}

#[test]
fn success_is_even_where_capability_meets_complexity() {
    let scorer = Scorer::shipped();
    assert!((scorer.success_probability(0.4, 0.4) - 0.5).abs() < 1e-6);
    assert!(scorer.success_probability(0.9, 0.1) > scorer.success_probability(0.9, 0.5));
    assert!(scorer.success_probability(0.9, 0.5) > scorer.success_probability(0.3, 0.5));
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        assert!((0.0..=1.0).contains(&scorer.success_probability(odd, 0.5)));
        assert!((0.0..=1.0).contains(&scorer.success_probability(0.5, odd)));
    }
}

#[test]
fn the_shipped_weights_load() {
    let weights = Weights::decode(SHIPPED).expect("the shipped file decodes");
    assert!(!weights.self_tests.is_empty());
    assert_eq!(
        weights.encode(),
        SHIPPED,
        "decoding and encoding again gives the same bytes"
    );
    assert!(Scorer::from_bytes(SHIPPED).is_ok());
    assert!(SHIPPED.len() <= crate::MAX_WEIGHTS_BYTES);
}

#[test]
fn a_wrong_self_test_is_refused() {
    let mut weights = Weights::decode(SHIPPED).expect("the shipped file decodes");
    weights.self_tests[1].complexity += 0.01;
    let error = Scorer::from_bytes(&weights.encode())
        .map(|_| ())
        .expect_err("must be refused");
    assert_eq!(error, WeightsError::SelfTest { index: 1 });
}

#[test]
fn impossible_values_are_refused() {
    let good = Weights::decode(SHIPPED).expect("the shipped file decodes");
    let mut bad = good.clone();
    bad.slope = f32::NAN;
    assert_eq!(
        Weights::decode(&bad.encode()),
        Err(WeightsError::Value { field: "slope" })
    );
    let mut bad = good;
    bad.counters[3][1] = f32::INFINITY;
    let expected = WeightsError::Value {
        field: "counter weight",
    };
    assert_eq!(Weights::decode(&bad.encode()), Err(expected));
    assert_eq!(Weights::decode(b""), Err(WeightsError::Magic));
    assert_eq!(Weights::decode(b"STLYSCOR"), Err(WeightsError::Truncated));
    let large = vec![0; crate::MAX_WEIGHTS_BYTES + 1];
    assert_eq!(
        Weights::decode(&large),
        Err(WeightsError::TooLarge { bytes: large.len() })
    );
}

#[test]
fn knots_must_ascend() {
    let mut knots = [0.0; KNOTS];
    for (index, knot) in knots.iter_mut().enumerate() {
        *knot = index as f32;
    }
    assert!(Quantiles::new(knots).is_some());
    knots[7] = knots[6];
    assert!(Quantiles::new(knots).is_none());
}

proptest! {
    #[test]
    fn any_bytes_score_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..6_000)) {
        let text = String::from_utf8_lossy(&bytes);
        let score = score(&[&text]);
        prop_assert!(score.complexity.is_finite() && (0.0..=1.0).contains(&score.complexity));
        prop_assert!(score.gain.is_finite() && (-1.0..=1.0).contains(&score.gain));
        for head in Scorer::shipped().models() {
            prop_assert!((0.0..=1.0).contains(&head.success(&score)), "{}", head.name);
        }
        prop_assert!(score.expected_output_tokens >= 1);
    }

    #[test]
    fn any_text_and_shape_score_within_bounds(
        text in "(\\PC|[ \\n\\t]){0,400}",
        numbers in prop::array::uniform6(any::<u32>()),
        has_schema in any::<bool>(),
        shows in any::<bool>(),
        effort in prop::option::of(prop::sample::select(&Effort::ALL[..])),
    ) {
        let [turns, system_bytes, history_bytes, tools, tool_results, images] = numbers;
        let shape = Shape {
            turns, system_bytes, history_bytes, tools, tool_results, images,
            has_schema, shows, reasoning: effort,
        };
        let score = score_with(&[&text], shape);
        prop_assert!((0.0..=1.0).contains(&score.complexity));
        prop_assert!(score.expected_output_tokens >= 1);
    }

    #[test]
    fn segments_are_one_text(
        text in "([a-zA-Z]{1,9}|[0-9.]{1,4}|[ \\n]|[,;:(){}`]|[证明素数代码]){0,3000}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.retain(|cut| text.is_char_boundary(*cut));
        at.extend([0, text.len()]);
        at.sort_unstable();
        let segments: Vec<&str> =
            at.iter().zip(&at[1..]).filter_map(|(from, to)| text.get(*from..*to)).collect();
        prop_assert_eq!(score(&segments), score(&[&text]));
    }

    #[test]
    fn white_space_around_and_between_changes_nothing(
        words in prop::collection::vec("[a-zA-Z0-9,.()]{1,8}|[证明素数代码]{1,4}", 1..900),
        before in "[ \\t\\n\u{3000}\u{a0}]{0,200}",
        after in "[ \\t\\n\u{3000}\u{a0}]{0,200}",
        gap in "[ \\t]{1,12}",
    ) {
        let plain = words.join(" ");
        let padded = format!("{before}{}{after}", words.join(&gap));
        prop_assert_eq!(score(&[&padded]), score(&[&plain]));
        let (plain, padded) = (words.join("\n"), words.join(&format!("{gap}\n\n{gap}\n")));
        prop_assert_eq!(score(&[&padded]), score(&[&plain]));
    }

    #[test]
    fn the_quantile_map_is_monotone(
        mut steps in prop::collection::vec(0.01_f32..2.0, KNOTS),
        low in -50.0_f32..150.0,
        distance in 0.0_f32..50.0,
    ) {
        let mut total = 0.0;
        for step in &mut steps {
            total += *step;
            *step = total;
        }
        let knots = <[f32; KNOTS]>::try_from(steps).expect("as many steps as knots");
        let map = Quantiles::new(knots).expect("ascending");
        let (first, second) = (map.rank(low), map.rank(low + distance));
        prop_assert!((0.0..=1.0).contains(&first) && first <= second);
        if low > knots[0] && low + distance < knots[KNOTS - 1] && distance > 0.001 {
            prop_assert!(first < second, "strictly between the outer knots");
        }
    }

    #[test]
    fn damaged_weights_are_an_error(at in 0..SHIPPED.len(), change in 1..=255_u8) {
        let mut bytes = SHIPPED.to_vec();
        bytes[at] ^= change;
        prop_assert!(Scorer::from_bytes(&bytes).is_err());
        prop_assert!(Scorer::from_bytes(&SHIPPED[..at]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_weights(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"STLYSCOR".to_vec();
        file.extend(&bytes);
        prop_assert!(Scorer::from_bytes(&bytes).is_err());
        prop_assert!(Scorer::from_bytes(&file).is_err());
    }
}
