use super::dataset::split_format;
use super::grade::area;
use super::*;
use crate::{ScoreInput, Scorer, Scratch};

/// Questions about sums are easy and questions about knots hard; two models, one stronger.
fn examples(source: &str) -> Vec<Example> {
    (0..120)
        .map(|index| {
            let hard = index % 2 == 1;
            let subject = if hard { "knot genus" } else { "plain sums" };
            let outcome = |model: &str, score, output_tokens| Outcome {
                model: model.to_owned(),
                score,
                output_tokens: Some(output_tokens),
            };
            let luck = f32::from(u8::from(index % 5 == 0));
            Example {
                source: source.to_owned(),
                task: format!("{source}/{subject}"),
                text: format!("Question number {index} about {subject} please"),
                outcomes: vec![
                    outcome("weak", if hard { luck } else { 1.0 - luck }, 50.0),
                    outcome("strong", if hard { 1.0 - luck } else { 1.0 }, 100.0),
                ],
            }
        })
        .collect()
}

fn anchors() -> Vec<Anchor> {
    [("Say hi", 1, 5), ("Prove the theorem rigorously", 5, 900)]
        .map(|(text, level, output_tokens)| Anchor {
            text: text.to_owned(),
            level,
            output_tokens: Some(output_tokens),
            about: About::Itself,
        })
        .to_vec()
}

fn trained(examples: &[Example], settings: &Settings) -> Trained {
    let data = Dataset::new(examples, &anchors());
    train(&data, settings, "test", &mut |_| {}).expect("enough data")
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let settings = Settings::default();
    let first = trained(&examples("made-up"), &settings);
    assert_eq!(first.bytes, trained(&examples("made-up"), &settings).bytes);
    let other_seed = Settings {
        seed: 2,
        ..settings
    };
    assert_ne!(
        first.bytes,
        trained(&examples("made-up"), &other_seed).bytes
    );
}

#[test]
fn outcomes_become_difficulty_and_ability() {
    let trained = trained(&examples("made-up"), &Settings::default());
    let scorer = Scorer::from_bytes(&trained.bytes).expect("the file loads");
    let mut scratch = Scratch::new();
    let mut complexity = |text: &str| {
        let segments = [text];
        scorer
            .score(
                &ScoreInput {
                    segments: &segments,
                    ..ScoreInput::default()
                },
                &mut scratch,
            )
            .complexity
    };
    assert!(complexity("A new question about knot genus") > complexity("What about plain sums"));
    let names: Vec<&str> = trained
        .capabilities
        .iter()
        .map(|c| c.model.as_str())
        .collect();
    assert_eq!(names, ["weak", "strong"], "ascending by capability");
    assert!(trained.slope > 0.0);
}

#[test]
fn the_strong_model_gains_on_the_hard_ones() {
    let trained = trained(&examples("made-up"), &Settings::default());
    let scorer = Scorer::from_bytes(&trained.bytes).expect("the file loads");
    let mut scratch = Scratch::new();
    let mut gains = |text: &str| {
        let segments = [text];
        let input = ScoreInput {
            segments: &segments,
            ..ScoreInput::default()
        };
        let score = scorer.score(&input, &mut scratch);
        let chance = |model| scorer.model(model).expect("a head").success(&score);
        [score.gain, chance("strong") - chance("weak")]
    };
    let [hard, hard_own] = gains("A new question about knot genus");
    let [easy, easy_own] = gains("What about plain sums");
    // 120 prompts against a penalty of 80: the gain is shrunk, but not gone.
    assert!(hard > easy + 0.01, "gain {hard} and {easy}");
    assert!(hard_own > easy_own + 0.1, "heads {hard_own} and {easy_own}");
}

#[test]
fn sources_for_validation_leave_no_trace() {
    let settings = Settings::default();
    let without = trained(&examples("made-up"), &settings);
    let mut more = examples("made-up");
    more.extend(examples("alpacaeval2").into_iter().map(|mut example| {
        example.text.push_str(" alpaca");
        example
    }));
    assert_eq!(without.bytes, trained(&more, &settings).bytes);
}

#[test]
fn held_out_questions_are_graded() {
    let data = Dataset::new(&examples("made-up"), &anchors());
    let grades = grade(
        &data,
        &Settings::default(),
        Split::Random { folds: 4 },
        &mut |_| {},
    );
    assert_eq!(grades.len(), 1);
    assert!(grades[0].auc > 0.7, "{grades:?}");
    assert!(grades[0].length_auc < grades[0].auc, "{grades:?}");
}

#[test]
fn a_whole_source_held_out_teaches_nothing_about_itself() {
    let data = Dataset::new(&examples("made-up"), &anchors());
    let grades = grade(&data, &Settings::default(), Split::Source, &mut |_| {});
    let known = grade(
        &data,
        &Settings::default(),
        Split::Random { folds: 4 },
        &mut |_| {},
    );
    assert!(grades[0].auc < known[0].auc);
}

#[test]
fn too_little_data_is_an_error() {
    let data = Dataset::new(&[], &anchors());
    let error = train(&data, &Settings::default(), "test", &mut |_| {}).map(|_| ());
    assert_eq!(error, Err(TrainError::TooFewPrompts));
    assert!(!data.is_empty() && data.len() == 2);
}

#[test]
fn a_benchmarks_dress_is_taken_off() {
    let text = "Which is red?\nA. sky\nB. blood\nC. grass\nAnswer:";
    assert_eq!(
        split_format(text),
        ("Which is red?", "A. sky\nB. blood\nC. grass")
    );
    assert_eq!(split_format("Plan A. is fine"), ("Plan A. is fine", ""));
    assert_eq!(
        split_format("List:\nA. only one"),
        ("List:\nA. only one", "")
    );
    assert_eq!(split_format(""), ("", ""));
}

#[test]
fn the_area_counts_pairs() {
    let points = [(1.0, false), (2.0, true), (2.0, false), (3.0, true)];
    // Pairs (failure, success): 2>1, 2=2, 3>1, 3>2.
    assert!((area(points.into_iter()) - 3.5 / 4.0).abs() < 1e-6);
    assert!((area([(1.0, true)].into_iter()) - 0.5).abs() < 1e-6);
}

/// Long answers to one word, short ones to another, by models of which one writes twice as much.
fn timed(options: &str) -> Vec<Example> {
    let mut examples = examples("timed");
    for (index, example) in examples.iter_mut().enumerate() {
        let long = index % 2 == 1;
        example.text = if long {
            format!("Question number {index}: write an essay")
        } else {
            format!("Question number {index}: choose{options}")
        };
        for (outcome, factor) in example.outcomes.iter_mut().zip([1.0, 2.0]) {
            outcome.output_tokens = Some(factor * if long { 400.0 } else { 20.0 });
        }
    }
    examples
}

fn expected_tokens<const N: usize>(trained: &Trained, texts: [&str; N]) -> [u32; N] {
    let scorer = Scorer::from_bytes(&trained.bytes).expect("the file loads");
    let mut scratch = Scratch::new();
    texts.map(|text| {
        let input = ScoreInput {
            segments: &[text],
            ..ScoreInput::default()
        };
        scorer.score(&input, &mut scratch).expected_output_tokens
    })
}

#[test]
fn the_output_tokens_are_those_of_the_middle_model() {
    let trained = trained(&timed(""), &Settings::default());
    let [long, short] = expected_tokens(
        &trained,
        [
            "Question number 500: write an essay",
            "Question number 500: choose",
        ],
    );
    // Of two models the second is the middle: 800 and 40 tokens, drawn together by the shrinkage.
    assert!((450..1000).contains(&long), "{long}");
    assert!((25..75).contains(&short), "{short}");
}

#[test]
fn options_shorten_answers_and_the_bare_question_does_not() {
    let with_options = timed("\nA. this one\nB. that one\nAnswer:");
    let trained = trained(&with_options, &Settings::default());
    let [bare, options] = expected_tokens(
        &trained,
        [
            "Question number 500: choose",
            "Question number 500: choose\nA. this one\nB. that one",
        ],
    );
    assert!(bare > options + options / 2, "{bare} and {options}");
}
