//! `steelyard demo`, as somebody sees it who has just built it.

use steelyard_e2e::{Client, Process, run, signal};
use unicode_width::UnicodeWidthStr;

const ADDRESSES: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

#[tokio::test]
async fn the_samples_fit_a_terminal_and_show_a_saving() {
    let arguments = [&["demo", "--exit"][..], &ADDRESSES].concat();
    let demo = run(&arguments, &[]).await;
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    assert_eq!(demo.stderr, "");
    for line in demo.stdout.lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
    }
    let rows: Vec<&str> = demo
        .stdout
        .lines()
        .filter(|line| {
            let number = line.split_whitespace().next().unwrap_or_default();
            line.width() > 90 && number.parse::<u32>().is_ok()
        })
        .collect();
    assert!(rows.len() >= 24, "{} rows:\n{}", rows.len(), demo.stdout);
    let is_chinese = |line: &&&str| line.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let chinese = rows.iter().filter(is_chinese).count();
    assert!(chinese >= 4, "{}", demo.stdout);
    assert!(rows.len() - chinese >= 12, "{}", demo.stdout);
    // The simple go to Qwen, the hard to GPT or Claude.
    for name in ["qwen", "gpt", "claude"] {
        assert!(
            rows.iter().any(|row| row.contains(name)),
            "{name}:\n{}",
            demo.stdout
        );
    }
    let failures = demo.stdout.matches(" failed (").count();
    assert!(failures >= 1, "{}", demo.stdout);
    assert!(demo.stdout.contains("fallback"), "{}", demo.stdout);
    let amount = |name: &str| {
        let line = demo.stdout.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no line {name}:\n{}", demo.stdout));
        let dollars = line.split_once("$ ").expect("an amount").1;
        let dollars = dollars.split_whitespace().next().expect("an amount");
        let digits: String = dollars.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().expect("digits")
    };
    let (cost, strongest, saved) = (
        amount("cost"),
        amount("all on the strongest"),
        amount("saved"),
    );
    assert!(cost > 0 && saved > 0, "{}", demo.stdout);
    assert_eq!(strongest - cost, saved);
}

#[tokio::test]
async fn it_keeps_serving_until_it_is_stopped() {
    let arguments = [&["demo"][..], &ADDRESSES].concat();
    let mut demo = Process::steelyard(&arguments, &[]);
    let address = async |name: &str| {
        let found = demo.stdout.find(name, |line| {
            let url = line.strip_prefix(&format!("  {name}"))?.trim();
            Some(url.to_owned())
        });
        found.await
    };
    let data = address("data plane").await;
    let dashboard = address("dashboard").await;
    let serving = |line: &str| line.contains("Still serving").then_some(());
    demo.stdout.find("the invitation", serving).await;
    let client = Client::new(data.strip_suffix("/v1").expect("a base URL"));
    let answer = client.chat(&steelyard_e2e::user("auto", "Hello!")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = Client::new(dashboard.trim_end_matches('/')).get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    signal(demo.id(), "INT").await;
    assert_eq!(demo.end().await.code(), Some(0));
}
