//! The ladder, as a route's owner may rely on it.

mod cost;

use proptest::prelude::*;
use steelyard_router::{
    Candidate, Demand, Exclusion, OwnHead, Place, Plan, Reason, Scorer, Terms, Verdict,
    WhenNoneAdequate, plan,
};
use steelyard_types::price::{PriceQuery, PriceRow};
use steelyard_types::{
    Feature, FeatureSet, NanoUsd, OutputFactor, PricePerMtok, PriceTable, Rates, ServiceTier,
    UnixMillis, Usage,
};

/// A table with one rate for input and output, in nano-dollars per million tokens.
fn table(price: u64) -> PriceTable {
    let rates = Rates {
        input: PricePerMtok(price),
        output: PricePerMtok(price),
        ..Rates::default()
    };
    let row = PriceRow {
        service: ServiceTier::Standard,
        input_tokens_above: 0,
        from: None,
        until: None,
        windows: Vec::new(),
        rates,
    };
    PriceTable::new(vec![row]).expect("one row is a table")
}

fn candidate(id: u16, capability: f32, price: &PriceTable) -> Candidate<'_> {
    Candidate {
        id,
        capability,
        head: None,
        output_factor: OutputFactor::ONE,
        max_complexity: None,
        context_window: 100_000,
        max_output_tokens: 10_000,
        features: FeatureSet::EMPTY.with(Feature::Tools),
        service: None,
        price: Some(price),
        ruled_out: None,
    }
}

fn demand(complexity: f32) -> Demand {
    Demand {
        complexity,
        place: Place::default(),
        prompt_tokens: 1_000,
        expected_output_tokens: 1_000,
        max_output_tokens: None,
        answers: 1,
        features: FeatureSet::EMPTY,
        at: UnixMillis(0),
        service: ServiceTier::Standard,
    }
}

const TERMS: Terms = Terms {
    threshold: 0.5,
    delta: None,
    otherwise: WhenNoneAdequate::Strongest,
    max_cost: None,
};

fn planned(candidates: &[Candidate<'_>], demand: &Demand, terms: &Terms) -> Plan {
    plan(candidates.iter().copied(), demand, terms, Scorer::shipped())
}

#[test]
fn the_cheapest_adequate_comes_first_then_the_dearer_then_the_weaker() {
    let (cheap, middle, dear) = (table(1_000_000), table(5_000_000), table(9_000_000));
    let candidates = [
        candidate(0, 0.9, &dear),
        candidate(1, 0.2, &cheap),
        candidate(2, 0.7, &middle),
    ];
    let plan = planned(&candidates, &demand(0.5), &TERMS);
    assert_eq!(plan.ladder.as_slice(), [2, 0, 1]);
    assert_eq!(plan.reason, Reason::CheapestAdequate);
    assert_eq!(plan.strongest, Some(0));
}

#[test]
fn when_none_is_adequate_the_strongest_comes_first_or_nothing_does() {
    let price = table(1_000_000);
    let candidates = [candidate(0, 0.1, &price), candidate(1, 0.3, &price)];
    let plan = planned(&candidates, &demand(0.9), &TERMS);
    assert_eq!(plan.ladder.as_slice(), [1, 0]);
    assert_eq!(plan.reason, Reason::StrongestAvailable);

    let refusing = Terms {
        otherwise: WhenNoneAdequate::Refuse,
        ..TERMS
    };
    assert!(
        planned(&candidates, &demand(0.9), &refusing)
            .ladder
            .is_empty()
    );
}

#[test]
fn of_two_that_cost_the_same_the_stronger_comes_first() {
    let price = table(1_000_000);
    let candidates = [candidate(0, 0.8, &price), candidate(1, 0.9, &price)];
    assert_eq!(
        planned(&candidates, &demand(0.1), &TERMS).ladder.as_slice(),
        [1, 0]
    );
}

#[test]
fn every_exclusion_is_named() {
    let price = table(1_000_000);
    let fits = candidate(0, 0.9, &price);
    let verdict = |candidate: Candidate<'_>, demand: &Demand, terms: &Terms| {
        planned(&[candidate], demand, terms).considered[0].verdict
    };
    let excluded = Verdict::Excluded;
    let images = Demand {
        features: FeatureSet::EMPTY.with(Feature::Vision),
        ..demand(0.1)
    };
    assert_eq!(
        verdict(fits, &images, &TERMS),
        excluded(Exclusion::Feature(Feature::Vision))
    );
    let long = Demand {
        prompt_tokens: 100_001,
        ..demand(0.1)
    };
    assert_eq!(
        verdict(fits, &long, &TERMS),
        excluded(Exclusion::ContextWindow)
    );
    let talkative = Demand {
        max_output_tokens: Some(10_001),
        ..demand(0.1)
    };
    assert_eq!(
        verdict(fits, &talkative, &TERMS),
        excluded(Exclusion::OutputLimit)
    );
    let thrifty = Terms {
        max_cost: Some(NanoUsd(1_999)),
        ..TERMS
    };
    assert_eq!(
        verdict(fits, &demand(0.1), &thrifty),
        excluded(Exclusion::MaxCost)
    );
    let exact = Terms {
        max_cost: Some(NanoUsd(2_000)),
        ..TERMS
    };
    assert_eq!(verdict(fits, &demand(0.1), &exact), Verdict::Adequate);
    let urgent = Demand {
        service: ServiceTier::Priority,
        ..demand(0.1)
    };
    assert_eq!(
        verdict(fits, &urgent, &TERMS),
        excluded(Exclusion::Unpriced)
    );
    let keyless = Candidate {
        ruled_out: Some(Exclusion::NoKey),
        ..fits
    };
    assert_eq!(
        verdict(keyless, &demand(0.1), &TERMS),
        excluded(Exclusion::NoKey)
    );
    let free = Candidate {
        price: None,
        ..fits
    };
    let cost = planned(&[free], &urgent, &TERMS).considered[0].expected_cost;
    assert_eq!(cost, Some(NanoUsd(0)));
}

/// Features as bits of a number, so that proptest can draw them.
fn features(bits: u16) -> FeatureSet {
    let wanted = Feature::ALL.into_iter().enumerate();
    wanted
        .filter(|(index, _)| bits & (1 << index) != 0)
        .map(|(_, feature)| feature)
        .collect()
}

type Drawn = (f32, u64, u64, u16, Option<u64>, bool, OutputFactor);

fn drawn_factor() -> impl Strategy<Value = OutputFactor> {
    prop_oneof![
        Just(OutputFactor::ONE),
        (0.05_f64..20.0).prop_map(|factor| OutputFactor::new(factor).expect("within bounds")),
    ]
}

fn drawn_candidate() -> impl Strategy<Value = Drawn> {
    let price = prop::option::of(0_u64..50_000_000_000);
    (
        0_f32..=1.0,
        1_u64..200_000,
        1_u64..50_000,
        any::<u16>(),
        price,
        any::<bool>(),
        drawn_factor(),
    )
}

proptest! {
    #[test]
    fn a_plan_never_holds_what_the_constraints_exclude(
        drawn in prop::collection::vec(drawn_candidate(), 0..24),
        complexity in 0_f32..=1.0,
        prompt_tokens in 0_u64..250_000,
        expected_output_tokens in 0_u64..60_000,
        max_output_tokens in prop::option::of(0_u64..60_000),
        answers in prop_oneof![1_u64..10, Just(u64::MAX)],
        asked in any::<u16>(),
        threshold in 0_f32..=1.0,
        refuse in any::<bool>(),
        max_cost in prop::option::of(0_u64..5_000_000_000),
    ) {
        let tables: Vec<_> = drawn.iter().map(|one| one.4.map(table)).collect();
        let candidates: Vec<_> = drawn.iter().zip(&tables).enumerate().map(|(index, (one, table))| {
            Candidate {
                id: u16::try_from(index).expect("a few"),
                capability: one.0,
                head: None,
                output_factor: one.6,
                max_complexity: None,
                context_window: one.1,
                max_output_tokens: one.2,
                features: features(one.3),
                price: table.as_ref(),
                service: None,
                ruled_out: one.5.then_some(Exclusion::NotAllowed),
            }
        }).collect();
        let demand = Demand {
            complexity, place: Place::default(), prompt_tokens, expected_output_tokens, max_output_tokens,
            answers, features: features(asked), at: UnixMillis(0), service: ServiceTier::Standard,
        };
        let otherwise =
            if refuse { WhenNoneAdequate::Refuse } else { WhenNoneAdequate::Strongest };
        let terms = Terms { threshold, delta: None, otherwise, max_cost: max_cost.map(NanoUsd) };
        let plan = planned(&candidates, &demand, &terms);

        prop_assert_eq!(plan.considered.len(), candidates.len());
        for (considered, candidate) in plan.considered.iter().zip(&candidates) {
            let tokens = considered.expected_output_tokens;
            prop_assert!(tokens <= candidate.max_output_tokens);
            prop_assert!(max_output_tokens.is_none_or(|most| tokens <= most));
            if candidate.output_factor == OutputFactor::ONE {
                let limit = max_output_tokens.unwrap_or(u64::MAX).min(candidate.max_output_tokens);
                prop_assert_eq!(tokens, expected_output_tokens.min(limit), "1 changes nothing");
            }
            let usage = Usage {
                input_fresh: prompt_tokens, output: tokens.saturating_mul(answers), ..Usage::default()
            };
            let query = PriceQuery {
                at: demand.at, service: demand.service, prompt_tokens,
            };
            let cost = candidate.price.map_or(NanoUsd(0), |price| {
                price.rates(&query).expect("priced").cost(&usage).amount
            });
            prop_assert_eq!(considered.expected_cost, Some(cost));
        }
        let mut seen = std::collections::HashSet::new();
        let mut last_cost = None;
        let mut weaker_began = false;
        for id in &plan.ladder {
            prop_assert!(seen.insert(*id), "{} stands twice in the ladder", id);
            let candidate = &candidates[usize::from(*id)];
            let success = Scorer::shipped().success_probability(candidate.capability, complexity);
            prop_assert!(candidate.ruled_out.is_none());
            prop_assert!(demand.features.difference(candidate.features).is_empty());
            prop_assert!(
                prompt_tokens + max_output_tokens.unwrap_or(0) <= candidate.context_window
            );
            prop_assert!(max_output_tokens.is_none_or(|most| most <= candidate.max_output_tokens));
            let cost = plan.judgement(*id).expect("judged").expected_cost.expect("priced");
            prop_assert!(terms.max_cost.is_none_or(|most| cost <= most));
            if success >= threshold {
                prop_assert!(!weaker_began, "an adequate model after a weaker one");
                prop_assert!(last_cost.is_none_or(|last| last <= cost), "not by cost");
                last_cost = Some(cost);
            } else {
                weaker_began = true;
                prop_assert!(!refuse, "a weak model on a route that refuses");
            }
        }
        if let Some(strongest) = plan.strongest {
            let best = candidates[usize::from(strongest)].capability;
            prop_assert!(plan.ladder.iter().all(|id| candidates[usize::from(*id)].capability <= best));
        }
    }
}

#[test]
fn the_hopeless_do_not_go_to_the_dearest_for_best_value() {
    let (cheap, dear) = (table(1_000_000), table(9_000_000));
    let candidates = [candidate(0, 0.1, &cheap), candidate(1, 0.13, &dear)];
    let terms = Terms {
        threshold: 0.9,
        otherwise: WhenNoneAdequate::BestValue,
        ..TERMS
    };
    // Hardly stronger and nine times the price: not worth it.
    let plan = planned(&candidates, &demand(0.9), &terms);
    assert_eq!(plan.ladder.as_slice(), [0, 1]);
    assert_eq!(plan.reason, Reason::BestValue);
    // Where the chance is much better, it is.
    let candidates = [candidate(0, 0.1, &cheap), candidate(1, 1.1, &dear)];
    let plan = planned(&candidates, &demand(0.9), &terms);
    assert_eq!(plan.ladder.as_slice(), [1, 0]);
}

#[test]
fn delta_keeps_the_cheapest_that_is_nearly_the_best() {
    let (cheap, middle, dear) = (table(1_000_000), table(5_000_000), table(9_000_000));
    let candidates = [
        candidate(0, 1.00, &dear),
        candidate(1, 0.98, &middle),
        candidate(2, 0.30, &cheap),
    ];
    let terms = |delta| Terms {
        threshold: 0.0,
        delta: Some(delta),
        ..TERMS
    };
    let near = planned(&candidates, &demand(0.5), &terms(0.05));
    assert_eq!(near.ladder.as_slice(), [1, 0, 2]);
    assert_eq!(near.reason, Reason::CheapestAdequate);
    let exact = planned(&candidates, &demand(0.5), &terms(0.0));
    assert_eq!(exact.ladder.first(), Some(&0));
    let any = planned(&candidates, &demand(0.5), &terms(1.0));
    assert_eq!(any.ladder.first(), Some(&2));
}

/// A head that moves the chance of every request alike.
fn certain(logit: f32) -> OwnHead {
    OwnHead::residual(logit, 0.0, &[0.0; OwnHead::TOPICS]).expect("a head")
}

#[test]
fn a_head_decides_where_there_is_one() {
    let (cheap, dear) = (table(1_000_000), table(9_000_000));
    let (weakest, weaker, stronger) = (certain(-5.0), certain(-4.0), certain(4.0));
    let planned_with = |head_of_cheap, head_of_dear| {
        let candidates = [
            Candidate {
                head: head_of_cheap,
                ..candidate(0, 0.9, &cheap)
            },
            Candidate {
                head: head_of_dear,
                ..candidate(1, 1.0, &dear)
            },
        ];
        planned(&candidates, &demand(0.5), &TERMS)
    };
    assert_eq!(planned_with(None, None).ladder.as_slice(), [0, 1]);
    let failing = planned_with(Some(&weaker), None);
    assert_eq!(failing.ladder.as_slice(), [1, 0], "no longer adequate");
    assert!(failing.considered[0].success < 0.1);
    // For `delta` and among those that are too weak it is the head's chance that counts, too.
    let none = planned_with(Some(&weaker), Some(&weakest));
    assert_eq!(none.reason, Reason::StrongestAvailable);
    assert_eq!(
        none.ladder.as_slice(),
        [0, 1],
        "the likelier, not the more capable"
    );
    assert_eq!(
        none.strongest,
        Some(1),
        "costs are compared with the most capable"
    );
    let both = planned_with(Some(&stronger), Some(&stronger));
    assert!(
        both.considered
            .iter()
            .all(|one| one.verdict == Verdict::Adequate)
    );
}

#[test]
fn a_band_makes_a_candidate_adequate_up_to_its_complexity() {
    let (cheap, middle, dear) = (table(1_000_000), table(5_000_000), table(9_000_000));
    let mut candidates = [
        candidate(0, 0.1, &cheap),
        candidate(1, 0.2, &middle),
        candidate(2, 0.3, &dear),
    ];
    candidates[0].max_complexity = Some(0.4);
    candidates[1].max_complexity = Some(0.7);
    let terms = Terms {
        threshold: 0.0,
        ..TERMS
    };
    for (complexity, ladder) in [
        (0.0, [0, 1, 2]),
        (0.4, [0, 1, 2]),
        (0.41, [1, 2, 0]),
        (0.7, [1, 2, 0]),
        (0.71, [2, 1, 0]),
        (1.0, [2, 1, 0]),
    ] {
        let plan = planned(&candidates, &demand(complexity), &terms);
        assert_eq!(plan.ladder.as_slice(), ladder, "{complexity}");
        assert_eq!(plan.reason, Reason::CheapestAdequate);
    }
    let refusing = Terms {
        otherwise: WhenNoneAdequate::Refuse,
        ..terms
    };
    let bounded = planned(&candidates[..2], &demand(0.9), &refusing);
    assert!(bounded.ladder.is_empty());
}
