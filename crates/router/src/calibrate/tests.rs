use super::*;
use crate::scorer::{Place, TOPICS};
use crate::{OwnHead, ScoreInput, Scratch, Shape};

/// Outcomes of a model of a known capability, every share of them exact.
fn outcomes(capability: f32, count: u16) -> Vec<(f32, f32)> {
    (0..count)
        .map(|index| {
            let complexity = f32::from(index) / f32::from(count);
            let chance = Scorer::shipped().success_probability(capability, complexity);
            (complexity, chance)
        })
        .collect()
}

#[test]
fn a_model_is_found_where_it_is() {
    for capability in [0.2, 0.9, 1.4] {
        let placed = Scorer::shipped().place(&outcomes(capability, 400));
        let apart = (placed.capability - f64::from(capability)).abs();
        assert!(apart < 0.05, "{capability}: {placed:?}");
    }
}

#[test]
fn more_outcomes_are_surer_and_none_say_nothing() {
    let few = Scorer::shipped().place(&outcomes(1.0, 50));
    let many = Scorer::shipped().place(&outcomes(1.0, 800));
    assert!(many.error < few.error / 2.0, "{few:?} {many:?}");
    let none = Scorer::shipped().place(&[]);
    assert!((none.capability - PRIOR.0).abs() < 1e-9 && none.error > few.error);
    let perfect = Scorer::shipped().place(&[(0.5, 1.0); 60]);
    assert!(perfect.capability.is_finite() && perfect.capability > 1.0);
}

/// Made-up scores: complexity and two topics run through their ranges, each at its own pace.
fn judged(count: u64, chance: impl Fn(f32, f32) -> f32) -> Vec<Judged> {
    let prototype = Scorer::shipped().score(
        &ScoreInput {
            segments: &["Hello"],
            shape: Shape::default(),
        },
        &mut Scratch::new(),
    );
    let mut random = crate::eval::Random(7);
    let mut uniform = move || (random.next() >> 40) as f32 / (1_u64 << 24) as f32;
    (0..count)
        .map(|prompt| {
            let (complexity, topic) = (uniform(), 20.0 * (uniform() - 0.5));
            let mut topics = [0.0; TOPICS];
            topics[0] = topic;
            let score = Score {
                complexity,
                place: Place {
                    difficulty: 0.0,
                    topics,
                },
                ..prototype
            };
            Judged {
                score,
                bytes: 100,
                prompt,
                outcome: f32::from(u8::from(uniform() < chance(complexity, topic))),
            }
        })
        .collect()
}

#[test]
fn answers_to_one_prompt_are_one_outcome() {
    let scorer = Scorer::shipped();
    let once = judged(60, |complexity, _| sigmoid(2.5 * (0.8 - complexity)));
    assert_eq!(Judged::distinct(&once), once);
    let again: Vec<Judged> = once.iter().flat_map(|one| [*one; 6]).collect();
    assert_eq!(Judged::distinct(&again), once);
    assert_eq!(
        scorer.calibrate(&[Judged::distinct(&again)]),
        scorer.calibrate(std::slice::from_ref(&once))
    );
    let other = Judged {
        outcome: 1.0 - once[0].outcome,
        ..once[0]
    };
    let mixed = Judged::distinct(&[once[0], once[1], other, once[0], other]);
    assert_eq!(mixed.len(), 2);
    assert!((mixed[0].outcome - 0.5).abs() < 1e-6, "{:?}", mixed[0]);
    assert_eq!(mixed[1], once[1]);
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn a_head_finds_the_topic_that_a_model_fails_on() {
    let scorer = Scorer::shipped();
    let outcomes = judged(200, |complexity, topic| {
        sigmoid(2.5 * (0.8 - complexity) + 0.4 * topic)
    });
    let trial = &scorer.try_heads(std::slice::from_ref(&outcomes))[0];
    assert!(trial.interval.low > 0.0, "{:?}", trial.interval);
    assert!(trial.head.brier < trial.capability.brier && trial.head.brier < trial.length.brier);
    let fitted = scorer.calibrate(std::slice::from_ref(&outcomes));
    assert!(fitted.helps() && fitted.noise < 0.01, "{fitted:?}");
    let head = fitted.models[0].1;
    let (_, _, directions) = head.numbers();
    assert!((0.2..0.6).contains(&directions[0]), "{directions:?}");
    let chance = |index: usize| {
        let score = &outcomes[index].score;
        scorer.chance_of(0.8, Some(&head), score)
    };
    let by_topic = |one: &&Judged| one.score.place.topics[0];
    let most =
        (0..200).max_by(|a, b| by_topic(&&outcomes[*a]).total_cmp(&by_topic(&&outcomes[*b])));
    let least =
        (0..200).min_by(|a, b| by_topic(&&outcomes[*a]).total_cmp(&by_topic(&&outcomes[*b])));
    assert!(chance(most.expect("some")) > chance(least.expect("some")) + 0.3);
}

#[test]
fn where_the_capability_is_all_there_is_a_head_does_not_help() {
    let scorer = Scorer::shipped();
    let slope = scorer.slope();
    let outcomes = judged(120, |complexity, _| sigmoid(slope * (0.8 - complexity)));
    let fitted = scorer.calibrate(std::slice::from_ref(&outcomes));
    assert!(!fitted.helps() && fitted.noise > 0.1, "{fitted:?}");
    let trial = &scorer.try_heads(std::slice::from_ref(&outcomes))[0];
    assert_eq!(trial.held_out.len(), 120);
    // Shrinking keeps the harm small.
    assert!(
        trial.interval.low < 0.0 && trial.better_by > -0.02,
        "{}",
        trial.better_by
    );
}

#[test]
fn noise_is_called_something_as_often_as_it_should() {
    let scorer = Scorer::shipped();
    let slope = scorer.slope();
    let many = judged(2_000, |complexity, _| sigmoid(slope * (0.8 - complexity)));
    let helped = many
        .chunks(50)
        .filter(|part| scorer.calibrate(&[part.to_vec()]).helps());
    // A tenth of forty, by their own binomial at most eight in 98 of 100 cases.
    let helped = helped.count();
    assert!(helped <= 8, "{helped} of 40");
}

#[test]
fn the_fit_is_reproducible_and_bounded_on_odd_outcomes() {
    let scorer = Scorer::shipped();
    let outcomes = judged(60, |complexity, _| complexity);
    let calibrate = |outcomes: &Vec<Judged>| scorer.calibrate(std::slice::from_ref(outcomes));
    assert_eq!(calibrate(&outcomes), calibrate(&outcomes));
    let perfect = judged(60, |_, _| 1.1);
    let head = calibrate(&perfect).models[0].1;
    let chance = scorer.chance_of(1.5, Some(&head), &perfect[0].score);
    assert!((0.0..=1.0).contains(&chance));
    assert_eq!(calibrate(&Vec::new()).models[0].1, OwnHead::nothing());
    assert!(!scorer.calibrate(&[]).helps());
}

#[test]
fn a_prompt_that_comes_twice_is_in_one_part() {
    let mut outcomes = judged(40, |_, _| 0.5);
    outcomes.extend_from_within(..);
    let all = vec![outcomes.iter().collect::<Vec<&Judged>>()];
    let folds = head::Folds::new(&all, 5);
    for (first, again) in outcomes[..40].iter().zip(&outcomes[40..]) {
        assert_eq!(folds.of(first), folds.of(again));
    }
    for part in folds.parts(&all) {
        assert_eq!((part[0].0.len(), part[0].1.len()), (64, 16));
    }
    // Held out in the order given, both times alike.
    let trial = &Scorer::shipped().try_heads(&[outcomes])[0];
    assert_eq!(trial.held_out[..40], trial.held_out[40..]);
}

#[test]
fn models_that_answer_alike_are_no_more_evidence_than_one() {
    let scorer = Scorer::shipped();
    let one = judged(60, |complexity, topic| {
        sigmoid(2.5 * (0.8 - complexity) + 0.1 * topic)
    });
    let alone = scorer.calibrate(std::slice::from_ref(&one));
    // Four models that answer alike are no more evidence than one.
    let alike = scorer.calibrate(&vec![one; 4]);
    assert!(
        (alone.noise - alike.noise).abs() < 1e-9,
        "{} {}",
        alone.noise,
        alike.noise
    );
}
