//! The shipped weights on prompts that they were not fitted on: realistic easy and hard requests,
//! each in English and in Chinese, written for this test.

use std::collections::HashMap;

use serde_json::Value;
use steelyard_router::{Score, ScoreInput, Scorer, Scratch};

struct Pair {
    hard: bool,
    english: f32,
    chinese: f32,
}

fn complexity(text: &str) -> f32 {
    instructed("", text)
}

/// The complexity of a text as the user's turn under system instructions.
fn instructed(instructions: &str, text: &str) -> f32 {
    score(instructions, text).complexity
}

fn score(instructions: &str, text: &str) -> Score {
    let input = ScoreInput {
        segments: &[text],
        instructions: &[instructions],
        ..ScoreInput::default()
    };
    Scorer::shipped().score(&input, &mut Scratch::new())
}

fn pairs() -> Vec<Pair> {
    include_str!("check_prompts.txt")
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.split('|').collect();
            let [level, english, chinese] = parts[..] else {
                panic!("three parts: {line}")
            };
            Pair {
                hard: level == "hard",
                english: complexity(english),
                chinese: complexity(chinese),
            }
        })
        .collect()
}

/// Chance that a hard prompt scores above an easy one.
fn area(pairs: &[Pair], score: impl Fn(&Pair) -> f32) -> f32 {
    let scores = |hard| {
        pairs
            .iter()
            .filter(move |pair| pair.hard == hard)
            .map(&score)
    };
    let (mut won, mut all) = (0.0, 0.0);
    for easy in scores(false) {
        for hard in scores(true) {
            won += f32::from(u8::from(hard > easy));
            all += 1.0;
        }
    }
    won / all
}

/// Share of pairs in which the hard one is above the easy one; equal ones count half.
fn share_above(hard: &[f32], easy: &[f32]) -> f32 {
    let pairs = hard
        .iter()
        .flat_map(|hard| easy.iter().map(move |easy| hard.total_cmp(easy)));
    let won = pairs.map(|order| match order {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    });
    won.sum::<f32>() / (hard.len() * easy.len()) as f32
}

fn ranks(values: &[f32]) -> Vec<f32> {
    values
        .iter()
        .map(|value| values.iter().filter(|v| *v < value).count() as f32)
        .collect()
}

#[test]
fn hard_prompts_rank_above_easy_ones() {
    let pairs = pairs();
    assert_eq!(pairs.len(), 200);
    let (english, chinese) = (
        area(&pairs, |pair| pair.english),
        area(&pairs, |pair| pair.chinese),
    );
    assert!(english > 0.95, "English: {english}");
    assert!(chinese > 0.95, "Chinese: {chinese}");
}

#[test]
fn easy_prompts_are_low_and_hard_ones_high() {
    let pairs = pairs();
    let mean = |hard: bool, score: fn(&Pair) -> f32| {
        let scores: Vec<f32> = pairs
            .iter()
            .filter(|pair| pair.hard == hard)
            .map(score)
            .collect();
        scores.iter().sum::<f32>() / scores.len() as f32
    };
    for score in [(|pair| pair.english) as fn(&Pair) -> f32, |pair| {
        pair.chinese
    }] {
        assert!(mean(false, score) < 0.3, "easy: {}", mean(false, score));
        assert!(mean(true, score) > 0.55, "hard: {}", mean(true, score));
    }
}

#[test]
fn translated_pairs_rank_alike() {
    let pairs = pairs();
    let english = ranks(&pairs.iter().map(|pair| pair.english).collect::<Vec<_>>());
    let chinese = ranks(&pairs.iter().map(|pair| pair.chinese).collect::<Vec<_>>());
    let mean = (pairs.len() - 1) as f32 / 2.0;
    let product = |a: &[f32], b: &[f32]| -> f32 {
        a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let spearman = product(&english, &chinese)
        / (product(&english, &english) * product(&chinese, &chinese)).sqrt();
    println!(
        "Spearman of {} translated pairs: {spearman:.3}",
        pairs.len()
    );
    assert!(spearman > 0.8, "Spearman: {spearman}");
}

fn values(lines: &str) -> Vec<Value> {
    let values = lines.lines().map(serde_json::from_str);
    values.map(|value| value.expect("a line of JSON")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The texts of the lines that have a name of this kind.
fn named_texts(lines: &[Value], kind: &str) -> HashMap<String, String> {
    let named = lines.iter().filter(|line| line.get(kind).is_some());
    named
        .map(|line| (text(&line[kind]), text(&line["text"])))
        .collect()
}

/// A request about a passage: whether it is hard, its language and text.
struct About {
    hard: bool,
    language: String,
    text: String,
}

/// Instructions about passages that are not among the anchors', before, after or in line with them.
fn about_passages() -> Vec<About> {
    let lines = values(include_str!("check_materials.jsonl"));
    let passages = named_texts(&lines, "material");
    let requests = lines.iter().filter(|line| line.get("with").is_some());
    requests
        .map(|line| {
            let (prompt, passage) = (text(&line["prompt"]), &passages[&text(&line["with"])]);
            About {
                hard: line["hard"] == true,
                language: text(&line["lang"]),
                text: match text(&line["where"]).as_str() {
                    "before" => format!("{prompt}\n\n{passage}"),
                    "after" => format!("{passage}\n\n{prompt}"),
                    _ => format!("{prompt} {passage}"),
                },
            }
        })
        .collect()
}

#[test]
fn an_instruction_is_not_drowned_by_what_it_speaks_of() {
    let requests = about_passages();
    assert_eq!(requests.len(), 144);
    for (language, least) in [("en", 0.9), ("zh", 0.95)] {
        let area = |value: &dyn Fn(&About) -> f32| {
            let of = |hard: bool| -> Vec<f32> {
                let own = requests
                    .iter()
                    .filter(|one| one.language == language && one.hard == hard);
                own.map(value).collect()
            };
            let (easy, hard) = (of(false), of(true));
            let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
            (share_above(&hard, &easy), mean(&easy), mean(&hard))
        };
        let (own, easy, hard) = area(&|one| complexity(&one.text));
        let (length, ..) = area(&|one| one.text.len() as f32);
        println!(
            "{language}: hard above easy in {own:.3}, by length {length:.3}; means {easy:.2} and {hard:.2}"
        );
        assert!(own > least && own > length, "{language}: {own}");
        assert!(easy < 0.45 && hard > 0.7, "{language}: {easy} and {hard}");
    }
}

/// System instructions and a user's turn, written without sight of the rules that find tasks: either
/// the instructions say what is to be done and the turn is bare data, or they only say who the model
/// is and the turn asks.
struct Instructed {
    task: bool,
    hard: bool,
    language: String,
    instructions: String,
    turn: String,
}

fn instructed_turns() -> Vec<Instructed> {
    let lines = values(include_str!("check_system.jsonl"));
    let (systems, users) = (named_texts(&lines, "system"), named_texts(&lines, "user"));
    let requests = lines.iter().filter(|line| line.get("asked").is_some());
    requests
        .map(|line| Instructed {
            task: line["kind"] == "task",
            hard: line["hard"] == true,
            language: text(&line["lang"]),
            instructions: systems[&text(&line["instructed"])].clone(),
            turn: users[&text(&line["asked"])].clone(),
        })
        .collect()
}

#[test]
fn a_task_in_the_system_instructions_counts_and_a_persona_does_not() {
    let requests = instructed_turns();
    assert_eq!(requests.len(), 785);
    // Hard above easy at least, and the bounds of how often a task is found.
    for (task, language, least, found_at_least, found_at_most) in [
        (true, "en", 0.84, 0.7, 1.0),
        (true, "zh", 0.94, 0.9, 1.0),
        (false, "en", 0.94, 0.0, 0.05),
        (false, "zh", 0.92, 0.0, 0.15),
    ] {
        let kind = |one: &&Instructed| one.task == task && one.language == language;
        let chosen: Vec<&Instructed> = requests.iter().filter(kind).collect();
        let area = |score: &dyn Fn(&Instructed) -> f32| {
            let of = |hard: bool| -> Vec<f32> {
                let own = chosen.iter().filter(|one| one.hard == hard);
                own.map(|one| score(one)).collect()
            };
            share_above(&of(true), &of(false))
        };
        let own = area(&|one| instructed(&one.instructions, &one.turn));
        let turn = area(&|one| complexity(&one.turn));
        let whole = |one: &Instructed| format!("{}\n\n{}", one.instructions, one.turn);
        let joined = area(&|one| complexity(&whole(one)));
        println!(
            "task {task}, {language}: hard above easy in {own:.3}, by the turn alone {turn:.3}, as one text {joined:.3}"
        );
        let found = |one: &&&Instructed| score(&one.instructions, &one.turn).reading.instructed;
        let found = chosen.iter().filter(found).count() as f32 / chosen.len() as f32;
        println!("    a task is found in {found:.3} of {}", chosen.len());
        assert!(own > least, "task {task}, {language}: {own}");
        let bounds = found_at_least..=found_at_most;
        assert!(bounds.contains(&found), "task {task}, {language}: {found}");
        if task {
            assert!(own > turn + 0.25, "{language}: {own} and {turn}");
        } else {
            assert!(own > turn - 0.06, "{language}: {own} and {turn}");
        }
    }
}

#[test]
fn no_prompt_is_an_anchor() {
    let anchors = include_str!("../data/anchors.jsonl");
    let anchors: Vec<String> = anchors.lines().filter_map(prompt_of).collect();
    assert!(anchors.len() > 300);
    let instructions = include_str!("check_materials.jsonl").lines();
    let instructions: Vec<String> = instructions.filter_map(prompt_of).collect();
    assert_eq!(instructions.len(), 144);
    for prompt in [
        include_str!("check_prompts.txt"),
        include_str!("check_length.txt"),
        include_str!("check_short.txt"),
    ]
    .iter()
    .flat_map(|file| file.lines())
    .flat_map(|line| line.split('|').skip(1))
    .chain(instructions.iter().map(String::as_str))
    {
        let bare = |text: &str| {
            text.trim_end_matches(['.', '?', '!', '。', '？'])
                .to_lowercase()
        };
        assert!(
            !anchors.iter().any(|anchor| bare(anchor) == bare(prompt)),
            "fitted on: {prompt}"
        );
    }
}

/// The prompt of a line that is no material.
fn prompt_of(line: &str) -> Option<String> {
    let anchor: Value = serde_json::from_str(line).expect("a line of JSON");
    anchor["prompt"].as_str().map(str::to_owned)
}

/// A few characters say what is asked: a sum is easy, and a famous theorem is not.
#[test]
fn very_short_prompts_are_told_apart() {
    for is_english in [true, false] {
        let scored = |wanted: &str| -> Vec<f32> {
            include_str!("check_short.txt")
                .lines()
                .filter_map(|line| line.split_once('|'))
                .filter(|(level, prompt)| *level == wanted && prompt.is_ascii() == is_english)
                .map(|(_, prompt)| complexity(prompt))
                .collect()
        };
        let (easy, hard) = (scored("easy"), scored("hard"));
        assert!(easy.len() >= 10 && hard.len() >= 10);
        let won: usize = hard
            .iter()
            .map(|hard| easy.iter().filter(|easy| hard > *easy).count())
            .sum();
        let share = won as f32 / (easy.len() * hard.len()) as f32;
        println!("short prompts, English {is_english}: {share:.3}");
        assert!(share > 0.95, "English {is_english}: {share}");
    }
}

/// Short hard prompts against long easy ones: the length of a prompt alone gets every pair wrong.
#[test]
fn length_does_not_decide() {
    let scored = |wanted: &str| -> Vec<f32> {
        include_str!("check_length.txt")
            .lines()
            .filter_map(|line| line.split_once('|'))
            .filter(|(level, _)| *level == wanted)
            .map(|(_, prompt)| complexity(prompt))
            .collect()
    };
    let (easy, hard) = (scored("easy"), scored("hard"));
    assert!(easy.len() > 5 && hard.len() > 5);
    let won = hard
        .iter()
        .map(|hard| easy.iter().filter(|easy| hard > *easy).count())
        .sum::<usize>();
    let share = won as f32 / (easy.len() * hard.len()) as f32;
    assert!(share > 0.85, "{share}");
}
