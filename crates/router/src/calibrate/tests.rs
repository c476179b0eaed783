use super::*;
use crate::scorer::{Place, TOPICS};
use crate::{ScoreInput, Scratch};

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
            ..ScoreInput::default()
        },
        &mut Scratch::new(),
    );
    let mut random = crate::eval::Random(7);
    let mut uniform = move || (random.next() >> 40) as f32 / (1_u64 << 24) as f32;
    (0..count)
        .map(|_| {
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
            let came = uniform() < chance(complexity, topic);
            Judged::new(score, 100, f32::from(u8::from(came)))
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

/// The score of a text, and an outcome of it.
fn scored(text: &str, outcome: f32) -> Judged {
    let input = ScoreInput {
        segments: &[text],
        ..ScoreInput::default()
    };
    let score = Scorer::shipped().score(&input, &mut Scratch::new());
    Judged::new(score, text.len(), outcome)
}

#[test]
fn texts_that_the_scorer_cannot_tell_apart_are_one_prompt() {
    let (one, two) = (
        scored("What is 12 + 34? Round to 10.", 1.0),
        scored("What is 98 + 76? Round to 50.", 0.0),
    );
    assert_eq!(one.score, two.score, "the premise: digits are alike");
    assert_eq!(one.prompt, two.prompt);
    let other = scored("Why is the sky blue?", 1.0);
    assert_ne!(one.prompt, other.prompt);
    let distinct = Judged::distinct(&[one, other, two]);
    assert_eq!(distinct.len(), 2);
    assert!((distinct[0].outcome - 0.5).abs() < 1e-6, "{distinct:?}");
    assert_eq!(distinct[1], other);
    // Any bit of what heads see tells apart; what they do not see does not.
    let mut moved = one.score;
    moved.place.topics[TOPICS - 1] = f32::from_bits(moved.place.topics[TOPICS - 1].to_bits() ^ 1);
    assert_ne!(Judged::new(moved, one.bytes, 1.0).prompt, one.prompt);
    let mut longer = one.score;
    longer.expected_output_tokens += 1;
    assert_eq!(Judged::new(longer, one.bytes, 1.0).prompt, one.prompt);
}

#[test]
fn bytes_of_texts_that_are_alike_are_their_mean_in_any_order() {
    let one = scored("Why?", 1.0);
    let longer = Judged { bytes: 10, ..one };
    for order in [[one, longer], [longer, one]] {
        assert_eq!(Judged::distinct(&order)[0].bytes, 7);
    }
}

#[test]
fn templates_do_not_pass_for_evidence() {
    // Seven templates, each with the outcomes of a coin of its own: what looks like 140 prompts.
    let templates = [
        "What is the capital of country number",
        "Translate sentence",
        "Prove lemma",
        "Sort list",
        "Explain the joke on page",
        "Summarise chapter",
        "Find the integral in exercise",
    ];
    let outcomes: Vec<Judged> = (10..30)
        .flat_map(|number| {
            let of = |(index, template): (usize, &&str)| {
                scored(
                    &format!("{template} {number}."),
                    f32::from(u8::from(index % 2 == 0)),
                )
            };
            templates.iter().enumerate().map(of).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(outcomes.len(), 140);
    let distinct = Judged::distinct(&outcomes);
    assert_eq!(distinct.len(), 7);
    // Even taken one by one, no template is fitted and graded at once.
    let trial = &Scorer::shipped().try_heads(std::slice::from_ref(&outcomes))[0];
    let rows = trial.held_out.iter().zip(&outcomes);
    for (row, judged) in rows {
        let of_template = trial.held_out.iter().zip(&outcomes);
        let mut alike = of_template.filter(|(_, other)| other.prompt == judged.prompt);
        assert!(alike.all(|(other, _)| (other.head - row.head).abs() < 1e-12));
    }
    // What is made of them is as unsure as seven outcomes are.
    let error = |judged: &[Judged]| {
        let pairs: Vec<(f32, f32)> = judged
            .iter()
            .map(|one| (one.score.complexity, one.outcome))
            .collect();
        Scorer::shipped().place(&pairs).error
    };
    assert!(error(&distinct) > 2.0 * error(&outcomes));
}

#[test]
fn an_area_needs_failures_and_successes() {
    let place = |outcomes: &[(f32, f32)]| Scorer::shipped().place(outcomes).auc;
    assert_eq!(place(&[(0.1, 1.0), (0.9, 1.0)]), None);
    assert_eq!(place(&[(0.1, 0.0), (0.9, 0.0)]), None);
    assert_eq!(place(&[]), None);
    assert_eq!(place(&[(0.1, 1.0), (0.9, 0.0)]), Some(1.0));
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
    let head = fitted.models[0].1.expect("a head");
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
    let often = judged(60, |_, _| 0.95);
    let head = calibrate(&often).models[0].1.expect("a head");
    let chance = scorer.chance_of(1.5, Some(&head), &often[0].score);
    assert!((0.0..=1.0).contains(&chance));
    assert_eq!(calibrate(&Vec::new()).models[0].1, None);
    assert!(!scorer.calibrate(&[]).helps());
}

/// Outcomes as they are made of the index and of what came.
fn with_outcomes(outcomes: &[Judged], outcome: impl Fn(usize, f32) -> f32) -> Vec<Judged> {
    let of = |(index, one): (usize, &Judged)| Judged {
        outcome: outcome(index, one.outcome),
        ..*one
    };
    outcomes.iter().enumerate().map(of).collect()
}

#[test]
fn outcomes_that_are_all_alike_have_no_part_in_the_test() {
    let scorer = Scorer::shipped();
    let varied = judged(300, |complexity, topic| {
        sigmoid(2.5 * (0.8 - complexity) + 0.2 * topic)
    });
    let alone = scorer.calibrate(std::slice::from_ref(&varied));
    assert!(alone.helps() && alone.is_tested(), "{alone:?}");
    let nearly = |index: usize, low: f32, high: f32| match index % 100 {
        7 => high,
        _ => low,
    };
    let flat: [fn(usize) -> f32; 4] = [
        |_| 0.0,
        |_| 0.5,
        |_| 1.0,
        |index| 0.5 + 0.01 * f32::from(u8::from(index % 2 == 0)),
    ];
    let mut alike: Vec<Vec<Judged>> = flat
        .iter()
        .map(|outcome| with_outcomes(&varied, |index, _| outcome(index)))
        .collect();
    for (low, high) in [(0.0, 1.0), (1.0, 0.0), (0.5, 0.0)] {
        alike.push(with_outcomes(&varied, |index, _| nearly(index, low, high)));
    }
    for alike in &alike {
        // Two of them are no more than one, and beside a model that varies they change nothing.
        let both = scorer.calibrate(&[alike.clone(), alike.clone()]);
        assert!(!both.helps() && !both.is_tested(), "{both:?}");
        assert_eq!((both.noise, both.models[0].1), (1.0, None));
        let beside = scorer.calibrate(&[alike.clone(), varied.clone()]);
        assert_eq!(beside.models[1], alone.models[0]);
        assert_eq!(beside.models[0].1, None);
        assert_eq!(
            (beside.noise, beside.shrinkage),
            (alone.noise, alone.shrinkage)
        );
    }
    // With 2 % or grades that differ there is something to tell apart.
    let varying: [fn(usize, f32) -> f32; 2] = [
        |index, _| f32::from(u8::from(index % 50 == 7)),
        |_, came| 0.6 + 0.1 * came,
    ];
    for varying in varying {
        let calibrated = scorer.calibrate(&[with_outcomes(&varied, varying)]);
        assert!(calibrated.is_tested() && calibrated.models[0].1.is_some());
    }
}

#[test]
fn what_is_held_out_of_outcomes_that_are_alike_is_the_capability() {
    let varied = judged(100, |complexity, _| sigmoid(2.5 * (0.8 - complexity)));
    let failing = with_outcomes(&varied, |_, _| 0.0);
    let trials = Scorer::shipped().try_heads(&[failing, varied]);
    let rows = &trials[0].held_out;
    assert_eq!(rows.len(), 100);
    assert!(
        rows.iter()
            .all(|row| row.head.to_bits() == row.capability.to_bits())
    );
}

#[test]
fn an_interval_ends_where_the_scale_does() {
    let interval = |capability: f64, error: f64| {
        let place = Placement {
            capability,
            error,
            auc: None,
        };
        let Interval { low, high } = place.interval();
        (low, high)
    };
    let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let (low, high) = interval(0.0, 0.2);
    assert!(near(low, 0.0) && near(high, 0.392), "{low} {high}");
    let (low, high) = interval(1.9, 0.2);
    assert!(near(low, 1.508) && near(high, 2.0), "{low} {high}");
    let (low, high) = interval(1.0, 0.1);
    assert!(near(low, 0.804) && near(high, 1.196), "{low} {high}");
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
