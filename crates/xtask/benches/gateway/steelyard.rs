//! The gateway with everything on: a key with a limit, the scorer, a policy of eight candidates,
//! metering, and the request log, which is written to `/dev/null`.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::Proxy;
use crate::load::KEY;
use crate::process::{Folder, Process};

/// Models of the policy: their price in the shipped book, and their capability.
const CANDIDATES: [(&str, &str); 8] = [
    ("openai/gpt-6-luna", "0.58"),
    ("openai/gpt-6.1-terra", "0.78"),
    ("openai/gpt-6.1-sol", "0.90"),
    ("openai/gpt-6-astra", "0.99"),
    ("anthropic/claude-haiku-5-5", "0.60"),
    ("anthropic/claude-sonnet-5-5", "0.91"),
    ("dashscope-intl/qwen3.8-flash", "0.54"),
    ("dashscope-intl/qwen3.7-plus", "0.68"),
];

/// Starts the gateway in front of the provider.
pub(crate) fn start(binary: &Path, provider: SocketAddr) -> Result<Proxy> {
    let folder = Folder::new("steelyard")?;
    let file = folder.write("steelyard.yaml", &policy(provider)?)?;
    let mut process = Process::start(
        binary,
        |command| {
            command.args(["serve", "--log-format", "json"]);
            command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
            command.arg("--config").arg(&file);
            command.env("BENCH_PROVIDER_KEY", "sk-bench-provider");
            command.env("TOKIO_WORKER_THREADS", "1");
        },
        Some(folder),
    )?;
    let address = process.read_until(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_data_plane = line.get("message")?.as_str()? == "data plane listening";
        let address = line.get("address")?.as_str()?.parse().ok()?;
        is_data_plane.then_some(address)
    })?;
    Ok(Proxy {
        name: "steelyard",
        process,
        address,
        unary_path: "/v1/chat/completions",
        stream_path: "/v1/chat/completions",
    })
}

fn policy(provider: SocketAddr) -> Result<String> {
    let book = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../config/prices.yaml"
    ));
    let book = book
        .canonicalize()
        .with_context(|| format!("cannot find {}", book.display()))?;
    let mut text = format!(
        "prices: {}
providers:
  bench:
    kind: openai
    base_url: http://{provider}/v1
    key: {{ env: BENCH_PROVIDER_KEY }}
models:
",
        book.display()
    );
    for (index, (price, capability)) in CANDIDATES.iter().enumerate() {
        write!(
            text,
            "  model-{index}:
    provider: bench
    upstream: bench-model
    capability: {capability}
    capability_basis: declared
    context_window: 200000
    max_output_tokens: 32000
    features: [streaming, tools, parallel_tools, json_schema]
    price: {price}
"
        )?;
    }
    let hash: String = Sha256::digest(KEY)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let names: Vec<String> = (0..CANDIDATES.len())
        .map(|index| format!("model-{index}"))
        .collect();
    write!(
        text,
        "routes:
  auto:
    candidates: [{}]
    threshold: 0.7
keys:
  bench:
    sha256: {hash}
    requests_per_minute: 1000000000
",
        names.join(", ")
    )?;
    Ok(text)
}
