//! `steelyard router eval`: what is graded, what is beside it, and what is refused.

use serde_json::{Value, json};
use steelyard_e2e::{Scratch, run};

#[tokio::test]
async fn an_evaluation_says_what_it_cannot_grade() {
    let folder = Scratch::new();
    let line = |index: u32| {
        let outcomes = json!({
            "worse": { "score": index % 2 }, "better": { "score": 1 }, "alike": { "score": 1 },
        });
        let prompt = format!("Explain the number {index} to a child.");
        format!("{}\n", json!({ "prompt": prompt, "outcomes": outcomes }))
    };
    let alone = |index: u32| {
        let prompt = format!("Hi, {index}!");
        format!(
            "{}\n",
            json!({ "prompt": prompt, "model": "alone", "score": 1 })
        )
    };
    let alone: String = (0..10).map(alone).collect();
    let data: String = (0..20).map(line).collect();
    let data = folder.write("data.jsonl", &data).display().to_string();
    let single = folder.write("single.jsonl", &alone);
    let single = single.display().to_string();
    let evaluated = async |more: &[&str]| {
        let arguments = ["router", "eval", "--data", &data, &single];
        run(&[&arguments, more].concat(), &[]).await
    };
    let pairs = [
        "--pair",
        "worse,better",
        "--pair",
        "better,alike",
        "--pair",
        "worse,alone",
    ];
    let found = evaluated(&pairs).await;
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    for words in [
        "data: worse -> better, 20 prompts",
        "APGR",
        "data: better -> alike, 20 prompts\n  no gap between the models",
        "worse -> alone: no prompts in common",
        "no pool of 3 models: the weights do not know worse and 2 others",
    ] {
        assert!(found.stdout.contains(words), "{words}: {}", found.stdout);
    }
    let plain = evaluated(&[]).await;
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    assert!(
        plain.stdout.contains("alone is the only model"),
        "{}",
        plain.stdout
    );
    for printed in [&found.stdout, &plain.stdout] {
        assert!(
            !printed.contains("NaN") && !printed.contains("inf"),
            "{printed}"
        );
    }
    for (option, value, why) in [
        ("--pair", "worse,bettr", "nearest: better"),
        ("--price", "wors=1/2", "nearest: worse"),
        ("--price", "worse=inf/2", "from 0 to"),
    ] {
        let refused = evaluated(&[option, value]).await;
        assert_eq!(refused.code, Some(1), "{value}: {}", refused.stdout);
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
    let wrong = r#"{"prompt":"Hi","outcomes":{"a":{"score":7}}}"#;
    folder.write("single.jsonl", &format!("{alone}{wrong}\n"));
    let refused = evaluated(&[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    let words = "single.jsonl, line 11: the score of a is not between 0 and 1";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
}

#[tokio::test]
async fn an_evaluation_has_intervals_and_baselines_in_eighty_columns() {
    let folder = Scratch::new();
    let line = |index: u32| {
        let outcome = |score: u32| json!({ "score": score, "output_tokens": 50 + index });
        let outcomes = json!({
            "llama-2-7b-hf": outcome(u32::from(index.is_multiple_of(4))),
            "gemma-7b": outcome(index % 2),
            "gemini-1.5-pro-002": outcome(u32::from(!index.is_multiple_of(7))),
        });
        let prompt = format!(
            "Explain the number {} to a child.",
            "9".repeat(index as usize)
        );
        format!("{}\n", json!({ "prompt": prompt, "outcomes": outcomes }))
    };
    let data: String = (0..40).map(line).collect();
    let data = folder.write("data.jsonl", &data).display().to_string();
    let plot = folder.path("plot.svg").display().to_string();
    let arguments = ["router", "eval", "--data", &data, "--plot", &plot];
    let found = run(&arguments, &[]).await;
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let table = found
        .stdout
        .lines()
        .filter(|line| !line.starts_with("wrote"));
    let wide = table.clone().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    // Of each line, how many values have an interval.
    for (name, intervals) in [
        ("own heads", 4),
        ("length alone", 4),
        ("random", 0),
        ("area", 2),
        ("saved at 98 %", 3),
        ("saved at 95 %", 3),
        ("calibration error", 1),
        ("AUC", 2),
        ("Brier", 2),
        ("median rel. error", 2),
    ] {
        let line = table
            .clone()
            .find(|line| line.starts_with(&format!("  {name} ")));
        let line = line.unwrap_or_else(|| panic!("no {name}: {}", found.stdout));
        let cells = line.split_whitespace();
        let ranges = cells.filter(|cell| {
            let cell = cell.trim_end_matches('%');
            let ends = cell.split_once("..").or_else(|| cell.split_once('-'));
            ends.is_some_and(|(low, high)| !low.is_empty() && high.parse::<f64>().is_ok())
        });
        assert_eq!(ranges.count(), intervals, "{line}");
    }
    let picture = std::fs::read_to_string(&plot).expect("a picture");
    for words in ["100 %", ">random<", ">length alone<", ">random mixing<"] {
        assert!(picture.contains(words), "{words}");
    }
    let nowhere = folder.path("none/plot.svg").display().to_string();
    let refused = run(
        &["router", "eval", "--data", &data, "--plot", &nowhere],
        &[],
    )
    .await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(
        refused.stderr.contains("cannot write"),
        "{}",
        refused.stderr
    );
}

/// Twelve prompts with outcomes of three models that the weights know.
fn twelve(score: impl Fn(u32, u32) -> f32) -> Vec<String> {
    let line = |index: u32| {
        let names = ["llama-2-7b-hf", "gemma-7b", "gemini-1.5-pro-002"];
        let outcomes = names.into_iter().zip(0..);
        let outcomes = outcomes.map(|(name, model)| {
            let outcome = json!({ "score": score(index, model), "output_tokens": 50 });
            (name.to_owned(), outcome)
        });
        let outcomes: serde_json::Map<String, Value> = outcomes.collect();
        let prompt = format!("Name {} cities.", "x".repeat(index as usize));
        format!("{}\n", json!({ "prompt": prompt, "outcomes": outcomes }))
    };
    (0..12).map(line).collect()
}

#[tokio::test]
async fn an_evaluation_of_too_little_says_what_is_missing() {
    let folder = Scratch::new();
    let lines = twelve(|index, model| f32::from(u8::from(index % 3 <= model)));
    let few = folder.write("few.jsonl", &lines[..9].concat());
    let few = few.display().to_string();
    let plot = folder.path("none.svg");
    let drawn = plot.display().to_string();
    let pair = "gemma-7b,gemini-1.5-pro-002";
    let arguments = [
        "router", "eval", "--data", &few, "--pair", pair, "--plot", &drawn,
    ];
    let found = run(&arguments, &[]).await;
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert!(
        found
            .stdout
            .contains("few: 9 prompts, too few to grade: 10 are needed"),
        "{}",
        found.stdout
    );
    for words in ["AUC   95", "no prompts in common", "chances  "] {
        assert!(!found.stdout.contains(words), "{words}: {}", found.stdout);
    }
    assert!(found.stdout.contains("no curve to draw") && !plot.exists());
    // The same nine three times are still nine.
    let again = folder.write("again.jsonl", &lines[..9].concat().repeat(2));
    let again = again.display().to_string();
    let arguments = ["router", "eval", "--data", &few, &few, &again];
    let found = run(&arguments, &[]).await;
    for words in ["few: 9 prompts, too few", "again: 9 prompts, too few"] {
        assert!(found.stdout.contains(words), "{words}: {}", found.stdout);
    }
    for words in [
        "few.jsonl is given again: it is read once",
        "counted once: 9 prompts repeated within a source",
        "counted in each: 9 prompts with the same outcomes in several sources",
    ] {
        assert!(found.stderr.contains(words), "{words}: {}", found.stderr);
    }
}

#[tokio::test]
async fn outcomes_that_are_all_alike_are_graded_in_words() {
    let folder = Scratch::new();
    for score in [0.0, 0.5, 1.0] {
        let data = folder.write("data.jsonl", &twelve(|_, _| score).concat());
        let data = data.display().to_string();
        let found = run(&["router", "eval", "--data", &data], &[]).await;
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        let means = format!("mean scores are {score:.3} and {score:.3}");
        for words in [
            means.as_str(),
            "no pool of 3 models: all score the same on every prompt",
            "AUC                 none                none",
        ] {
            assert!(found.stdout.contains(words), "{words}: {}", found.stdout);
        }
        assert!(!found.stdout.contains("NaN"), "{}", found.stdout);
    }
}

#[tokio::test]
async fn all_bad_lines_of_the_data_are_told() {
    let folder = Scratch::new();
    let good = r#"{"prompt":"Hi","outcomes":{"a":{"score":1}}}"#;
    let mut many = "x\n".repeat(30);
    many.push_str(good);
    folder.write("one.jsonl", &format!("{{}}\n{good}\n[]\n"));
    let one = folder.write("other.jsonl", &many);
    let root = one.parent().expect("a folder").display().to_string();
    let refused = run(&["router", "eval", "--data", &root], &[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    for words in [
        "one.jsonl, line 1: no `prompt`",
        "one.jsonl, line 3: not a JSON object",
        "other.jsonl, line 1: ",
        "other.jsonl, line 18: ",
        "32 lines of the data cannot be read, 12 of them not shown; a line is {\"prompt\"",
    ] {
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
    }
    assert!(!refused.stderr.contains("line 19"), "{}", refused.stderr);
}

/// The words of the examples that a command's help shows.
async fn examples(command: &[&str]) -> Vec<Vec<String>> {
    let help = run(&[command, &["--help"]].concat(), &[]).await;
    let joined = help.stdout.replace("\\\n", " ");
    let examples = joined.lines().map(str::trim);
    let examples = examples.filter_map(|line| line.strip_prefix("steelyard "));
    examples
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[tokio::test]
async fn the_example_of_a_routes_evaluation_works_as_printed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let examples = examples(&["router", "eval"]).await;
    let example = examples
        .iter()
        .find(|words| words.contains(&"--route".to_owned()));
    let mut example = example.expect("an example of a route").clone();
    let after = |words: &[String], option: &str| {
        let at = words.iter().position(|word| word == option);
        at.expect(option) + 1
    };
    let config = after(&example, "--config");
    example[config] = root.join(&example[config]).display().to_string();
    // Without the data, at least the candidates must be those of the policy.
    let folder = Scratch::new();
    let maps = example.iter().filter_map(|word| word.split_once('='));
    let outcomes: serde_json::Map<String, Value> = maps
        .map(|(_, model)| (model.to_owned(), json!({ "score": 1 })))
        .collect();
    assert_eq!(outcomes.len(), 4, "each candidate has outcomes of its own");
    // Twice the same are one.
    let lines: String = (0..20)
        .map(|index| json!({ "prompt": format!("Hi, {}!", index / 2), "outcomes": outcomes }))
        .map(|line| format!("{line}\n"))
        .collect();
    let made = folder.write("data.jsonl", &lines).display().to_string();
    let mut places = vec![(made, "10 prompts")];
    let data = after(&example, "--data");
    let recorded = example[data]
        .strip_prefix("../shared/")
        .expect("a data set");
    let shared = std::env::var_os("STEELYARD_SHARED");
    let shared = shared.map_or_else(|| root.join("../shared"), std::path::PathBuf::from);
    let recorded = shared.join(recorded);
    if recorded.exists() {
        places.push((recorded.display().to_string(), "2629 prompts"));
    } else {
        println!("skipped: no {}", recorded.display());
    }
    for (place, count) in places {
        example[data] = place;
        let mut words: Vec<&str> = example.iter().map(String::as_str).collect();
        // As few as may be: this is about the names.
        words.extend(["--samples", "20"]);
        let graded = run(&words, &[]).await;
        assert_eq!(graded.code, Some(0), "{words:?}: {}", graded.stderr);
        let head = format!("route best: {count}");
        assert!(graded.stdout.contains(&head), "{head}: {}", graded.stdout);
    }
}
