//! What stands around the gateway in a demo: simulated providers, and the shipped policy pointed at
//! them.

use std::net::SocketAddr;

use steelyard_policy::{KeyReference, Policy, Provider, ProviderKind, Region, Sources};
use steelyard_simulator::{
    Fault, FaultRule, LatencyModel, Simulator, SimulatorConfig, StatusFault,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::snapshot::KeySource;

/// The shipped configuration is what the demo shows.
const POLICY: &str = include_str!("../../../../../config/steelyard.yaml");
const PRICES: &str = include_str!("../../../../../config/prices.yaml");

/// The simulated providers.
pub(super) struct Backdrop {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Backdrop {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let config = SimulatorConfig {
            latency: LatencyModel::demo(),
            faults: faults(),
            ..SimulatorConfig::default()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(Simulator::new(config).serve(listener, stopped));
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// The shipped policy, its providers simulated.
    pub(super) fn policy(&self) -> anyhow::Result<Policy> {
        let sources = Sources {
            policy_name: "config/steelyard.yaml",
            policy_text: POLICY,
            prices_name: "config/prices.yaml",
            prices_text: PRICES,
            scorer: None,
        };
        let mut policy = steelyard_policy::load(&sources)?;
        for provider in &mut policy.providers {
            provider.base_url = format!("http://{}{}", self.address, base_path(provider));
        }
        Ok(policy)
    }

    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Where the simulator has this provider: under a prefix, then the path of its own address.
fn base_path(provider: &Provider) -> String {
    let prefix = match provider.kind {
        ProviderKind::OpenAiResponses => "openai".to_owned(),
        ProviderKind::DashScope | ProviderKind::DashScopeCompatible => {
            let region = provider
                .region
                .map(|region| format!("-{}", region.as_str()));
            format!("dashscope{}", region.unwrap_or_default())
        }
        ProviderKind::OpenAiCompatible => return "/compatible/v1".to_owned(),
        kind => kind.as_str().to_owned(),
    };
    let address = provider.kind.default_base_url(provider.region);
    let address = address.unwrap_or_default();
    let host = address.trim_start_matches("https://");
    let path = host.find('/').map_or("", |slash| &host[slash..]);
    format!("/{prefix}{path}")
}

/// Keys that the simulated providers accept; those of DashScope are bound to their region.
impl KeySource for Backdrop {
    fn read(&self, provider: &Provider, _: &KeyReference) -> Result<String, String> {
        let region = provider.region.map_or("", Region::as_str);
        Ok(format!("sk-sim-{region}-demo"))
    }
}

/// Two failures, so that fallback can be seen: the cheapest provider asks to slow down, and a strong
/// one is overloaded.
fn faults() -> Vec<FaultRule> {
    let fails = |contains: &str, provider: Option<&str>, status: u16| FaultRule {
        provider: provider.map(str::to_owned),
        model: None,
        contains: Some(contains.to_owned()),
        times: Some(1),
        fault: Fault::Status(StatusFault {
            status,
            retry_after_seconds: Some(1),
            ..StatusFault::default()
        }),
    };
    vec![
        fails(super::prompts::MEETS_A_RATE_LIMIT, None, 429),
        fails(super::prompts::MEETS_AN_OVERLOAD, None, 503),
    ]
}

#[cfg(test)]
mod tests {
    use steelyard_policy::Timeouts;

    use super::*;

    #[test]
    fn providers_are_where_the_simulator_has_them() {
        for (kind, region, path) in [
            (ProviderKind::OpenAi, None, "/openai/v1"),
            (ProviderKind::OpenAiResponses, None, "/openai/v1"),
            (ProviderKind::Anthropic, None, "/anthropic"),
            (ProviderKind::Gemini, None, "/gemini"),
            (
                ProviderKind::DashScope,
                Some(Region::Intl),
                "/dashscope-intl",
            ),
            (
                ProviderKind::DashScopeCompatible,
                Some(Region::Cn),
                "/dashscope-cn/compatible-mode/v1",
            ),
            (ProviderKind::Cohere, None, "/cohere"),
            (ProviderKind::Mistral, None, "/mistral/v1"),
            (ProviderKind::DeepSeek, None, "/deepseek"),
            (ProviderKind::OpenAiCompatible, None, "/compatible/v1"),
        ] {
            let provider = Provider {
                name: "p".into(),
                kind,
                base_url: "https://elsewhere.example/path".to_owned(),
                region,
                key: None,
                wire: kind.wire(),
                profile: kind.profile(),
                timeouts: Timeouts::default(),
            };
            assert_eq!(base_path(&provider), path, "{kind:?}");
        }
    }
}
