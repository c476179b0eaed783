use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::say;

/// Bytes of randomness in a key.
const KEY_BYTES: usize = 24;
/// What keys begin with, so that scanners recognise one that leaked.
const KEY_PREFIX: &str = "sk-steelyard-";

pub(super) fn create(
    name: &str,
    routes: &[String],
    requests_per_minute: Option<u32>,
) -> anyhow::Result<ExitCode> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    anyhow::ensure!(
        !name.is_empty() && name.len() <= 64 && name.chars().all(allowed),
        "a key's name has 1 to 64 letters, digits, dots, hyphens or underscores, not {name:?}"
    );
    anyhow::ensure!(
        requests_per_minute != Some(0),
        "a limit of 0 requests would allow nothing"
    );
    let mut random = [0_u8; KEY_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    let key = format!("{KEY_PREFIX}{}", hex(&random));
    say("The key, shown this once. Give it to the client as its API key:");
    say(&format!("\n  {key}\n"));
    say("For the policy, under `keys:` (only the hash is kept):\n");
    say(&format!("  {name}:"));
    say(&format!(
        "    sha256: {}",
        hex(&Sha256::digest(key.as_bytes()))
    ));
    if !routes.is_empty() {
        say(&format!("    routes: [{}]", routes.join(", ")));
    }
    if let Some(limit) = requests_per_minute {
        say(&format!("    requests_per_minute: {limit}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
