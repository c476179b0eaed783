//! `steelyard demo`: the whole product on one machine, without a key.

mod backdrop;
mod client;
mod prompts;
mod table;

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};

use anyhow::Context;
use serde_json::Value;

use self::backdrop::Backdrop;
use self::client::ask;
use self::prompts::PROMPTS;
use self::table::{Row, Summary};
use super::{DemoArgs, interrupted, say, start_log, tokio_runtime};
use crate::server::Server;
use crate::settings::{Flags, LogFormat, Settings};
use crate::transport::install_tls;

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    // The table is the demo's voice; of the log only what went wrong is worth a line.
    start_log("error,steelyard_gateway::pipeline=off", LogFormat::Text)?;
    install_tls();
    tokio_runtime()?.block_on(demonstrate(args))
}

async fn demonstrate(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let backdrop = Backdrop::start().await?;
    let policy = backdrop.policy()?;
    let flags = Flags {
        listen: Some(args.listen),
        admin_listen: Some(args.admin_listen),
        ..Flags::default()
    };
    let settings = Settings::layer(&policy.server, &flags)?;
    let (records, lines) = channel();
    let server = Server::start(policy, settings, &backdrop, LineWriter::new(records)).await?;
    introduce(&server, &backdrop);
    let base = format!("http://{}", server.data_address);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut summary = Summary::default();
    for line in table::head() {
        say(&line);
    }
    for (number, prompt) in PROMPTS.iter().enumerate() {
        let answer = ask(&client, &base, prompt).await?;
        let record = record_of(&lines, &answer.request_id)?;
        let row = Row::new(number + 1, prompt, &answer, &record)?;
        for line in row.lines() {
            say(&line);
        }
        summary.add(&row);
    }
    for line in summary.lines() {
        say(&line);
    }
    let failed = summary.failed;
    if args.exit {
        server.stop().await;
        backdrop.stop().await;
    } else {
        invite(&server);
        interrupted().await?;
        server.stop().await;
        backdrop.stop().await;
    }
    anyhow::ensure!(
        failed == 0,
        "{failed} of {} prompts got no answer",
        PROMPTS.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn introduce(server: &Server, backdrop: &Backdrop) {
    say("Steelyard demo: no keys, no configuration. The providers are simulated on this machine;");
    say("routing, wire formats, fallback, prices and metering are the real ones.");
    say("");
    say(&format!("  data plane   http://{}/v1", server.data_address));
    say(&format!("  dashboard    http://{}/", server.admin_address));
    say(&format!(
        "  metrics      http://{}/metrics",
        server.admin_address
    ));
    say(&format!(
        "  providers    http://{} (simulated)",
        backdrop.address
    ));
}

fn invite(server: &Server) {
    say("");
    say(&format!("Dashboard: http://{}/", server.admin_address));
    say("Still serving; try it, and stop it with Ctrl-C:");
    say("");
    say(&format!(
        "  curl -i http://{}/v1/chat/completions -d '{{",
        server.data_address
    ));
    say("    \"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'");
}

/// The log line of a request: it is written when the answer has been sent.
fn record_of(lines: &Receiver<Value>, request_id: &str) -> anyhow::Result<Value> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
    loop {
        let record = lines
            .recv_timeout(PATIENCE)
            .context("a request left no log line")?;
        if record["request_id"] == request_id {
            return Ok(record);
        }
    }
}

/// Hands the request log's lines over, parsed.
struct LineWriter {
    records: std::sync::mpsc::Sender<Value>,
    partial: Vec<u8>,
}

impl LineWriter {
    fn new(records: std::sync::mpsc::Sender<Value>) -> Self {
        Self {
            records,
            partial: Vec::new(),
        }
    }
}

impl std::io::Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            if let Ok(record) = serde_json::from_slice(&line) {
                // Nobody reads after the samples; that is no failure to write.
                let _ = self.records.send(record);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
