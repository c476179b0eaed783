//! Scores of the shipped weights, written down: a change of the features or of the weights shows
//! here and is then a decision.

use steelyard_router::{ScoreInput, Scorer, Scratch};

/// Complexity, expected output tokens, prompt.
const GOLDEN: [(f32, u32, &str); 10] = [
    (0.043, 19, "Hello!"),
    (0.103, 37, "What is the capital of France?"),
    (
        0.105,
        198,
        "Write a polite reply that declines the invitation.",
    ),
    (
        0.386,
        250,
        "Write a Python function that merges two sorted lists.",
    ),
    (
        0.044,
        90,
        "Summarize the following minutes in three bullet points: budget approved, launch moved to June, hiring frozen.",
    ),
    (
        0.957,
        317,
        "Prove that the sum of two continuous functions is continuous.",
    ),
    (
        0.789,
        414,
        "Design a sharded counter service with idempotent increments and explain its consistency model.",
    ),
    (0.058, 93, "帮我写一条请假的短信"),
    (
        0.262,
        236,
        "解释一下快速排序的平均复杂度为什么是 O(n log n)",
    ),
    (0.906, 294, "证明不存在最大的素数"),
];

#[test]
fn scores_are_as_written_down() {
    let mut scratch = Scratch::new();
    let mut wrong = Vec::new();
    for (complexity, tokens, prompt) in GOLDEN {
        let input = ScoreInput {
            segments: &[prompt],
            ..ScoreInput::default()
        };
        let score = Scorer::shipped().score(&input, &mut scratch);
        let apart = (score.complexity - complexity).abs();
        if apart > 2e-3 || score.expected_output_tokens.abs_diff(tokens) > 1 + tokens / 100 {
            wrong.push(format!(
                "({:.3}, {}, {prompt:?}),",
                score.complexity, score.expected_output_tokens
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "scores changed; now:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_scratch_carries_nothing_over() {
    let mut scratch = Scratch::new();
    for round in 0..3 {
        for (complexity, _, prompt) in GOLDEN {
            let input = ScoreInput {
                segments: &[prompt],
                ..ScoreInput::default()
            };
            let score = Scorer::shipped().score(&input, &mut scratch);
            assert!(
                (score.complexity - complexity).abs() < 2e-3,
                "round {round}: {prompt}"
            );
        }
    }
}
