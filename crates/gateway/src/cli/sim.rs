use std::process::ExitCode;

use anyhow::Context;
use steelyard_simulator::{FaultRule, Simulator, SimulatorConfig};
use tokio::net::TcpListener;

use super::{SimArgs, interrupted, say, tokio_runtime};

/// What `base_url` is, per kind of provider.
const BASE_PATHS: &[(&str, &str)] = &[
    ("openai", "/openai/v1"),
    ("anthropic", "/anthropic"),
    ("gemini", "/gemini"),
    ("dashscope (intl)", "/dashscope-intl"),
    ("dashscope_compatible", "/dashscope-intl/compatible-mode/v1"),
    ("openai_compatible", "/compatible/v1"),
    ("mistral", "/mistral/v1"),
    ("deepseek", "/deepseek"),
];

pub(super) fn run(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let faults = args
        .faults
        .as_deref()
        .map(read_faults)
        .transpose()?
        .unwrap_or_default();
    tokio_runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; choose another address with --listen",
                args.listen
            )
        })?;
        let address = listener.local_addr()?;
        say(&format!("simulated providers on http://{address}"));
        for (name, path) in BASE_PATHS {
            say(&format!("  {name:<22} base_url: http://{address}{path}"));
        }
        say(&format!(
            "  control                http://{address}/_sim/requests, /_sim/faults"
        ));
        let config = SimulatorConfig {
            seed: args.seed,
            faults,
            ..SimulatorConfig::default()
        };
        let stop = async {
            let _ = interrupted().await;
        };
        Simulator::new(config).serve(listener, stop).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn read_faults(path: &std::path::Path) -> anyhow::Result<Vec<FaultRule>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} does not hold fault rules", path.display()))
}
