//! Scoring and planning a request allocate nothing once a thread is warm.

use allocation_counter::measure;
use steelyard_router::{
    Candidate, Demand, OwnHead, ScoreInput, Scorer, Scratch, Shape, Terms, WhenNoneAdequate,
    estimate_tokens, plan,
};
use steelyard_types::price::PriceRow;
use steelyard_types::{
    Feature, FeatureSet, NanoUsd, OutputFactor, PricePerMtok, PriceTable, Rates, ServiceTier,
    UnixMillis,
};

/// Prompts of every script and length that the scorer reads in another way.
fn prompts() -> Vec<String> {
    vec![
        String::new(),
        "Hello!".to_owned(),
        "Prove that the square root of 2 is irrational. ".repeat(40),
        "请证明：对于任意正整数 n，n³ - n 能被 6 整除。".repeat(30),
        "fn main() { println!(\"{}\", 1 + 1); }\n".repeat(400),
        " \n\t".repeat(50_000),
        "Überprüfe 12345.678 🎉 ".repeat(2_000),
    ]
}

fn table(price: u64) -> PriceTable {
    let rates = Rates {
        input: PricePerMtok(price),
        output: PricePerMtok(4 * price),
        ..Rates::default()
    };
    PriceTable::new(vec![PriceRow {
        service: ServiceTier::Standard,
        input_tokens_above: 0,
        from: None,
        until: None,
        windows: Vec::new(),
        rates,
    }])
    .expect("one row is a table")
}

/// A route of sixteen candidates, every third with a head.
fn candidates<'a>(heads: &'a [OwnHead], tables: &'a [PriceTable]) -> Vec<Candidate<'a>> {
    (0..16_u16)
        .map(|id| Candidate {
            id,
            capability: 0.3 + f32::from(id) / 10.0,
            head: heads.get(usize::from(id) / 3).filter(|_| id % 3 == 0),
            output_factor: OutputFactor::new(0.5 + f64::from(id % 4)).expect("within bounds"),
            max_complexity: (id % 5 == 0).then_some(0.5),
            context_window: 100_000,
            max_output_tokens: 10_000,
            features: FeatureSet::EMPTY.with(Feature::Tools),
            price: tables.get(usize::from(id)),
            service: None,
            ruled_out: None,
        })
        .collect()
}

/// Scores a prompt and plans its request among the candidates.
fn decide(prompt: &str, candidates: &[Candidate<'_>], terms: &Terms, scratch: &mut Scratch) -> u16 {
    let scorer = Scorer::shipped();
    let segments = [prompt];
    let input = ScoreInput {
        segments: &segments,
        shape: Shape {
            turns: 3,
            tools: 2,
            ..Shape::default()
        },
        before: &["Now write it down in detail."],
        instructions: &["You are a careful editor of Acme. Translate the text into German."],
    };
    let score = scorer.score(&input, scratch);
    let demand = Demand {
        complexity: score.complexity,
        place: score.place,
        prompt_tokens: estimate_tokens(prompt),
        expected_output_tokens: u64::from(score.expected_output_tokens),
        max_output_tokens: Some(500),
        answers: 1,
        features: FeatureSet::EMPTY.with(Feature::Tools),
        at: UnixMillis(0),
        service: ServiceTier::Standard,
    };
    let plan = plan(candidates.iter().copied(), &demand, terms, scorer);
    plan.ladder.first().copied().unwrap_or(u16::MAX)
}

#[test]
fn scoring_and_planning_allocate_nothing() {
    let heads: Vec<OwnHead> = Scorer::shipped()
        .models()
        .take(6)
        .map(OwnHead::from)
        .collect();
    assert_eq!(heads.len(), 6);
    let tables: Vec<PriceTable> = (1..=16).map(|price| table(price * 100_000_000)).collect();
    let candidates = candidates(&heads, &tables);
    let prompts = prompts();
    let mut scratch = Scratch::new();
    for otherwise in [
        WhenNoneAdequate::BestValue,
        WhenNoneAdequate::Strongest,
        WhenNoneAdequate::Refuse,
    ] {
        let terms = Terms {
            threshold: 0.6,
            delta: Some(0.1),
            otherwise,
            max_cost: Some(NanoUsd(1_000_000_000)),
        };
        // Warm: the shipped weights are read once, and the cues.
        decide("warm", &candidates, &terms, &mut scratch);
        for prompt in &prompts {
            let mut first = u16::MAX;
            let allocated = measure(|| first = decide(prompt, &candidates, &terms, &mut scratch));
            assert_eq!(
                allocated.count_total,
                0,
                "{} bytes, {otherwise:?}: {allocated:?}",
                prompt.len()
            );
            assert!(first < 16, "{} bytes: nothing was planned", prompt.len());
        }
    }
}

#[test]
fn the_counter_counts() {
    let allocated = measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
    assert_eq!(allocated.count_total, 1, "{allocated:?}");
}
