//! `steelyard router` and its files: what is read, what is written, and how it ends.

use std::process::Stdio;

use serde_json::{Value, json};
use steelyard_e2e::{PolicyFile, Scratch, prices, run, soon, steelyard};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// The files of a folder, in the order of their names.
fn names(folder: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(folder.root()).expect("the folder is readable");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_output_is_whole_or_as_it_was() {
    let folder = Scratch::new();
    let prompts = "\u{feff}{\"id\":12345678901234567890123,\"prompt\":\"Hi\"}\n";
    let input = folder.write("in.jsonl", prompts).display().to_string();
    let output = folder.write("out.jsonl", "before").display().to_string();
    let nowhere = folder.path("nowhere.jsonl").display().to_string();
    let nonsense = folder.write("nonsense.jsonl", "{}\nx\n");
    let nonsense = nonsense.display().to_string();
    let to_output = |input: &str, more: &[&str]| {
        let arguments = ["router", "score", "--input", input, "--output", &output];
        let arguments = arguments.iter().chain(more);
        arguments.map(|&argument| argument.to_owned()).collect()
    };
    let failures: [(Vec<String>, &str); 4] = [
        (to_output(&nowhere, &[]), "cannot open"),
        (to_output(&input, &["--models", "gpt-4-1106"]), "nearest"),
        (to_output(&input, &["--models", "mine=7"]), "from 0 to 2"),
        (to_output(&nonsense, &[]), "0 lines scored, 2 skipped"),
    ];
    for (arguments, why) in failures {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let failed = run(&arguments, &[]).await;
        assert_eq!(failed.code, Some(1), "{}", failed.stderr);
        assert!(failed.stderr.contains(why), "{why}: {}", failed.stderr);
        let left = std::fs::read_to_string(&output).expect("the output stands");
        assert_eq!(left, "before", "{why}");
    }
    let same = ["router", "score", "--input", &input, "--output", &input];
    let refused = run(&same, &[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("name another file"));
    assert_eq!(std::fs::read_to_string(&input).expect("it stands"), prompts);

    let arguments = to_output(&input, &["--models", "mine=0.9, other=1"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let scored = run(&arguments, &[]).await;
    assert_eq!(scored.code, Some(0), "{}", scored.stderr);
    let written = std::fs::read_to_string(&output).expect("an output");
    assert!(
        written.starts_with(r#"{"id":12345678901234567890123,"#),
        "{written}"
    );
    let line: Value = serde_json::from_str(&written).expect("one line of JSON");
    assert!(line["success"]["other"].as_f64() > line["success"]["mine"].as_f64());
    assert_eq!(names(&folder), ["in.jsonl", "nonsense.jsonl", "out.jsonl"]);
}

#[tokio::test]
async fn data_is_not_overwritten_by_what_is_made_of_it() {
    let folder = Scratch::new();
    let line = r#"{"prompt":"Hi","outcomes":{"a":{"score":1},"b":{"score":0}}}"#;
    let data = folder.write("data.jsonl", line).display().to_string();
    let root = folder.root().display().to_string();
    for arguments in [
        ["router", "eval", "--data", &root, "--plot", &data],
        ["router", "train", "--data", &root, "--out", &data],
    ] {
        let refused = run(&arguments, &[]).await;
        assert_eq!(refused.code, Some(1), "{arguments:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("name another file"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(std::fs::read_to_string(&data).expect("it stands"), line);
}

#[tokio::test]
async fn a_score_comes_when_its_line_does_and_nobody_need_read_on() {
    let mut process = tokio::process::Command::new(steelyard())
        .args(["router", "score"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut prompts = process.stdin.take().expect("a pipe");
    let mut scores = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    for id in 0..2 {
        let line = format!("{{\"id\":{id},\"prompt\":\"Hi\"}}\n");
        prompts.write_all(line.as_bytes()).await.expect("it reads");
        let score = soon("a score", scores.next_line()).await;
        let score = score.expect("readable").expect("a line");
        assert!(score.starts_with(&format!("{{\"id\":{id},")), "{score}");
    }
    drop(scores);
    let line = b"{\"prompt\":\"Hi\"}\n";
    prompts.write_all(line).await.expect("it reads");
    let ended = soon("the end", process.wait_with_output()).await;
    let ended = ended.expect("it ends, though its input is open");
    drop(prompts);
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

/// A prompt that differs from the others in a word: the scorer does not tell numbers apart.
fn prompt(index: u32) -> String {
    const HEADS: [&str; 8] = ["bel", "cor", "dan", "fil", "gor", "hum", "lin", "mar"];
    const TAILS: [&str; 8] = ["ato", "ber", "cine", "dola", "eras", "fish", "gent", "hope"];
    let part = |parts: [&'static str; 8], at: u32| parts[usize::try_from(at % 8).expect("small")];
    let word = format!("{}{}", part(HEADS, index), part(TAILS, index / 8));
    format!("Explain the {word} to a child.")
}

/// Outcomes of a model on so many prompts, each judged so often.
fn outcomes(model: &str, prompts: u32, often: u32, score: impl Fn(u32) -> f64) -> String {
    let lines = (0..prompts * often).map(|index| {
        let prompt = prompt(index % prompts);
        let line = json!({ "prompt": prompt, "model": model, "score": score(index % prompts) });
        format!("{line}\n")
    });
    lines.collect()
}

#[tokio::test]
async fn outcomes_count_by_their_prompts() {
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let policy = PolicyFile::of_all_kinds("http://127.0.0.1:9").text();
    let config = folder
        .write("steelyard.yaml", &policy)
        .display()
        .to_string();
    let calibrated = async |text: &str, more: &[&str]| {
        let file = folder.write("outcomes.jsonl", text).display().to_string();
        let arguments = ["router", "calibrate", "-c", &config, "--outcomes", &file];
        run(&[&arguments, more].concat(), &[]).await
    };
    let half = |index: u32| f64::from(index % 2);
    let few = calibrated(&outcomes("openai-cheap", 40, 6, half), &[]).await;
    assert_eq!(few.code, Some(1), "{}", few.stdout);
    let words = "240 outcomes of 40 prompts that the scorer tells apart, of which at least 50";
    assert!(few.stderr.contains(words), "{}", few.stderr);

    let interval = |printed: &str| {
        let line = printed.lines().find(|line| line.contains("95 % between"));
        line.expect("an interval").to_owned()
    };
    let once = calibrated(&outcomes("openai-cheap", 50, 1, half), &[]).await;
    let often = calibrated(&outcomes("openai-cheap", 50, 6, half), &[]).await;
    assert_eq!(
        (once.code, often.code),
        (Some(0), Some(0)),
        "{}",
        often.stderr
    );
    assert_eq!(interval(&once.stdout), interval(&often.stdout));
    let words = "300 outcomes of 50 prompts that the scorer tells apart";
    assert!(often.stdout.contains(words), "{}", often.stdout);

    // The reader is told what to do with it, and why there are fewer prompts than lines.
    for (printed, is_told) in [(&once.stdout, false), (&often.stdout, true)] {
        let first = printed.lines().next().expect("a line");
        assert!(
            first.starts_with('#') && first.contains("in place of"),
            "{first}"
        );
        let told = "Outcomes of one prompt count once";
        assert_eq!(printed.contains(told), is_told, "{printed}");
    }
    // With no failure at all there is nothing that the complexity could tell.
    for always in [0.0, 1.0] {
        let same = calibrated(&outcomes("openai-cheap", 50, 1, |_| always), &[]).await;
        assert_eq!(same.code, Some(0), "{}", same.stderr);
        assert!(same.stdout.contains("only a bound"), "{}", same.stdout);
        assert!(!same.stdout.contains("hardly tells"), "{}", same.stdout);
        // A head's constant would go where the capability cannot, which is no finding.
        for words in [
            "# No own heads: every",
            "no own head, and no part",
            "the scale's end)",
        ] {
            assert!(same.stdout.contains(words), "{words}: {}", same.stdout);
        }
        assert!(!same.stdout.contains("better by"), "{}", same.stdout);
    }

    let flat = |_| 0.5;
    let both = outcomes("openai-cheap", 60, 1, flat) + &outcomes("openai-dear", 60, 1, flat);
    let alike = calibrated(&both, &[]).await;
    assert_eq!(alike.code, Some(0), "{}", alike.stderr);
    assert!(!alike.stdout.contains("NaN"), "{}", alike.stdout);
    // Many outcomes of the same kind are no finding either.
    for always in [0.0, 0.5, 1.0] {
        let both = outcomes("openai-cheap", 64, 1, |_| always)
            + &outcomes("openai-dear", 64, 1, |_| always);
        let alike = calibrated(&both, &[]).await;
        assert_eq!(alike.code, Some(0), "{}", alike.stderr);
        assert!(!alike.stdout.contains("head:"), "{}", alike.stdout);
        let told = alike.stdout.matches("no own head, and no part").count();
        assert_eq!(told, 2, "{}", alike.stdout);
    }

    for size in ["0", "50", "51"] {
        let curve = ["--learning-curve", size, "--draws", "1"];
        let refused = calibrated(&outcomes("a", 50, 2, half), &curve).await;
        assert_eq!(refused.code, Some(1), "{}", refused.stdout);
        assert!(
            refused
                .stderr
                .contains("50 prompts that the scorer tells apart"),
            "{}",
            refused.stderr
        );
    }

    let wrong = "{}\n{\"prompt\":\"Hi\",\"model\":\"a\",\"score\":2}\nx\n";
    let refused = calibrated(wrong, &[]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    for words in [
        "line 1: ",
        "line 2: ",
        "line 3: ",
        "3 lines of the outcomes",
    ] {
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
    }
}

#[tokio::test]
async fn templates_are_one_prompt_each() {
    let folder = Scratch::new();
    folder.write("prices.yaml", &prices());
    let policy = PolicyFile::of_all_kinds("http://127.0.0.1:9").text();
    let config = folder.write("steelyard.yaml", &policy);
    let config = config.display().to_string();
    // Every template has one outcome, always the same: 140 lines that look like a clear finding.
    let lines = |templates: u32, often: u32| -> String {
        let line = |index: u32| {
            let template = index % templates;
            let prompt = format!(
                "{} Take {} of them.",
                prompt(template),
                10 + index / templates
            );
            let score = template % 2;
            let line = json!({ "prompt": prompt, "model": "openai-cheap", "score": score });
            format!("{line}\n")
        };
        (0..templates * often).map(line).collect()
    };
    let calibrated = async |text: &str, more: &[&str]| {
        let file = folder.write("outcomes.jsonl", text).display().to_string();
        let arguments = ["router", "calibrate", "-c", &config, "--outcomes", &file];
        run(&[&arguments, more].concat(), &[]).await
    };
    let few = calibrated(&lines(7, 20), &[]).await;
    assert_eq!(few.code, Some(1), "{}", few.stdout);
    let words = "140 outcomes of 7 prompts that the scorer tells apart, of which at least 50";
    assert!(few.stderr.contains(words), "{}", few.stderr);
    assert!(
        few.stderr.contains("differ only in numbers"),
        "{}",
        few.stderr
    );

    let once = calibrated(&lines(60, 1), &[]).await;
    let often = calibrated(&lines(60, 5), &[]).await;
    assert_eq!(
        (once.code, often.code),
        (Some(0), Some(0)),
        "{}",
        often.stderr
    );
    let words = "300 outcomes of 60 prompts that the scorer tells apart";
    assert!(often.stdout.contains(words), "{}", often.stdout);
    assert!(
        often.stdout.contains("differ only in numbers"),
        "{}",
        often.stdout
    );
    // What is found, and how sure it is, is what one of each shows.
    let found = |printed: &str| -> Vec<String> {
        let lines = printed.lines().filter(|line| !line.contains("utcomes of"));
        let lines = lines.filter(|line| !line.contains("cannot tell apart"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(found(&once.stdout), found(&often.stdout));

    let curve = ["--learning-curve", "60", "--draws", "1"];
    let refused = calibrated(&lines(60, 5), &curve).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(
        refused.stderr.contains("60 prompts that the scorer"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn prompts_of_every_dialect_are_scored_and_odd_parts_are_told() {
    let folder = Scratch::new();
    let text = "Prove that every finite integral domain is a field.";
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let parts = |kind: &str| user(json!([{ "type": kind, "text": text }]));
    let lines = [
        json!({ "prompt": text }),
        json!({ "messages": parts("text") }),
        json!({ "input": parts("input_text") }),
        json!({ "messages": parts("input_text") }),
        json!({ "messages": user(json!(text)), "stop_sequences": ["."] }),
    ];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let input = folder.write("in.jsonl", &lines).display().to_string();
    let scored = run(&["router", "score", "--input", &input], &[]).await;
    assert_eq!(scored.code, Some(0), "{}", scored.stderr);
    let told = "line 4: messages[0].content[0] is of a kind that this dialect does not have: \
                \"input_text\"";
    assert!(scored.stderr.contains(told), "{}", scored.stderr);
    let scores: Vec<&str> = scored.stdout.lines().collect();
    assert_eq!(scores.len(), 4);
    assert!(scores.iter().all(|score| *score == scores[0]), "{scores:?}");
}

#[tokio::test]
async fn a_training_that_cannot_succeed_is_refused_before_it_starts() {
    let folder = Scratch::new();
    let line = r#"{"prompt":"Hi","outcomes":{"a":{"score":1},"b":{"score":0}}}"#;
    let data = folder.write("data.jsonl", line).display().to_string();
    let out = folder.write("out.bin", "before").display().to_string();
    let nowhere = folder.path("none/out.bin").display().to_string();
    for (more, why) in [
        (&["--out", &nowhere][..], "cannot write"),
        (
            &["--out", &out, "--without", "dat,bogus"],
            "--without \"bogus\": no source of the data starts so; it has data",
        ),
        (
            &["--out", &out],
            "1 prompts with outcomes of 2 models to fit; at least 200 prompts and 2 models",
        ),
    ] {
        let arguments = [&["router", "train", "--data", &data], more].concat();
        let refused = run(&arguments, &[]).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
    let stands = std::fs::read_to_string(&out).expect("it stands");
    assert_eq!(stands, "before");
    assert_eq!(names(&folder), ["data.jsonl", "out.bin"]);
}
