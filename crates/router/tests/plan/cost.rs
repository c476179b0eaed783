//! What a request is expected to cost with a candidate.

use super::*;

#[test]
fn cost_is_of_this_request() {
    // One is cheap to read, the other cheap to write: the shape of the request decides.
    let reads = Rates {
        input: PricePerMtok(1_000_000),
        output: PricePerMtok(20_000_000),
        ..Rates::default()
    };
    let writes = Rates {
        input: PricePerMtok(4_000_000),
        output: PricePerMtok(4_000_000),
        ..Rates::default()
    };
    let with = |rates: Rates| {
        let mut row = table(0).rows()[0].clone();
        row.rates = rates;
        PriceTable::new(vec![row]).expect("one row is a table")
    };
    let (reads, writes) = (with(reads), with(writes));
    let candidates = [candidate(0, 0.9, &reads), candidate(1, 0.9, &writes)];
    let long_prompt = Demand {
        prompt_tokens: 90_000,
        expected_output_tokens: 10,
        ..demand(0.1)
    };
    let long_answer = Demand {
        prompt_tokens: 10,
        expected_output_tokens: 9_000,
        ..demand(0.1)
    };
    assert_eq!(planned(&candidates, &long_prompt, &TERMS).ladder[0], 0);
    assert_eq!(planned(&candidates, &long_answer, &TERMS).ladder[0], 1);
    let short_answer = Demand {
        max_output_tokens: Some(1),
        ..long_answer
    };
    let cost = planned(&candidates, &short_answer, &TERMS).considered[1].expected_cost;
    assert_eq!(
        cost,
        Some(NanoUsd(44)),
        "the client's limit bounds what is expected"
    );
}

#[test]
fn several_answers_cost_one_prompt_and_every_answer() {
    // A nano-dollar a token, in and out.
    let price = table(1_000_000);
    let candidates = [candidate(0, 0.9, &price)];
    let cost = |demand: &Demand| {
        let considered = planned(&candidates, demand, &TERMS).considered;
        considered[0].expected_cost.expect("priced").0
    };
    let one = demand(0.1);
    assert_eq!(cost(&one), 1_000 + 1_000);
    let five = Demand { answers: 5, ..one };
    assert_eq!(cost(&five), 1_000 + 5 * 1_000);
    // Limits bound each answer, not all of them together: the client's, then the model's.
    let short = Demand {
        max_output_tokens: Some(300),
        ..five
    };
    assert_eq!(cost(&short), 1_000 + 5 * 300);
    let long = Demand {
        expected_output_tokens: 90_000,
        ..five
    };
    assert_eq!(cost(&long), 1_000 + 5 * 10_000);
    // Fifty thousand tokens in five answers fit where each of them does.
    assert_eq!(planned(&candidates, &long, &TERMS).ladder.as_slice(), [0]);
    let endless = Demand {
        answers: u64::MAX,
        ..one
    };
    assert!(cost(&endless) > cost(&long), "it saturates");
}

#[test]
fn several_answers_change_which_model_is_cheapest() {
    let with = |input: u64, output: u64| {
        let mut row = table(0).rows()[0].clone();
        row.rates.input = PricePerMtok(input);
        row.rates.output = PricePerMtok(output);
        PriceTable::new(vec![row]).expect("one row is a table")
    };
    let (reads, writes) = (with(1_000_000, 3_000_000), with(5_000_000, 1_000_000));
    let candidates = [candidate(0, 0.9, &reads), candidate(1, 0.9, &writes)];
    let one = demand(0.1);
    assert_eq!(planned(&candidates, &one, &TERMS).ladder[0], 0);
    let three = Demand { answers: 3, ..one };
    assert_eq!(planned(&candidates, &three, &TERMS).ladder[0], 1);
}

fn factor(number: f64) -> OutputFactor {
    OutputFactor::new(number).expect("within bounds")
}

#[test]
fn a_verbose_cheap_model_loses_to_a_terse_dearer_one() {
    let (cheap, dear) = (table(1_000_000), table(2_000_000));
    let planned_with = |of_cheap: f64, of_dear: f64, terms: &Terms| {
        let candidates = [
            Candidate {
                output_factor: factor(of_cheap),
                ..candidate(0, 0.9, &cheap)
            },
            Candidate {
                output_factor: factor(of_dear),
                ..candidate(1, 0.9, &dear)
            },
        ];
        planned(&candidates, &demand(0.1), terms)
    };
    assert_eq!(planned_with(1.0, 1.0, &TERMS).ladder.as_slice(), [0, 1]);
    // 1,000 + 4,000 tokens at one nano-dollar against 1,000 + 500 at two.
    let plan = planned_with(4.0, 0.5, &TERMS);
    assert_eq!(plan.ladder.as_slice(), [1, 0]);
    let costs: Vec<_> = plan
        .considered
        .iter()
        .map(|one| one.expected_cost)
        .collect();
    assert_eq!(costs, [Some(NanoUsd(5_000)), Some(NanoUsd(3_000))]);
    let tokens = plan.considered.iter().map(|one| one.expected_output_tokens);
    assert_eq!(tokens.collect::<Vec<_>>(), [4_000, 500]);
    // The most that a request may cost is held against the same number.
    let thrifty = Terms {
        max_cost: Some(NanoUsd(4_999)),
        ..TERMS
    };
    let plan = planned_with(4.0, 0.5, &thrifty);
    assert_eq!(
        plan.considered[0].verdict,
        Verdict::Excluded(Exclusion::MaxCost)
    );
}

#[test]
fn a_factor_ends_at_the_limits_and_leaves_at_least_a_token() {
    let price = table(1_000_000);
    let tokens = |number: f64, demand: &Demand| {
        let one = Candidate {
            output_factor: factor(number),
            ..candidate(0, 0.9, &price)
        };
        planned(&[one], demand, &TERMS).considered[0].expected_output_tokens
    };
    let plain = demand(0.1);
    assert_eq!(tokens(2.5, &plain), 2_500);
    assert_eq!(tokens(20.0, &plain), 10_000, "the model's limit");
    let limited = Demand {
        max_output_tokens: Some(1_500),
        ..plain
    };
    assert_eq!(tokens(2.5, &limited), 1_500, "the client's limit");
    assert_eq!(tokens(0.5, &limited), 500);
    let short = Demand {
        expected_output_tokens: 1,
        ..plain
    };
    assert_eq!(tokens(0.05, &short), 1);
    let nothing = Demand {
        expected_output_tokens: 0,
        ..plain
    };
    assert_eq!(tokens(20.0, &nothing), 0, "vectors have no tokens");
    let endless = Demand {
        expected_output_tokens: u64::MAX,
        ..plain
    };
    assert_eq!(tokens(20.0, &endless), 10_000);
    let short = Demand {
        expected_output_tokens: 1_000,
        max_output_tokens: Some(600),
        ..plain
    };
    assert_eq!(
        tokens(0.5, &short),
        500,
        "a terse answer ends before the limit"
    );
    assert_eq!(tokens(1.0, &short), 600);
}
