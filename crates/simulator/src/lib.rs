//! Simulated LLM providers in their true wire formats, with scriptable faults.
//!
//! One listener carries every provider under a prefix of its own. A gateway is pointed at it
//! by giving each provider the base URL `http://127.0.0.1:PORT/<prefix>`:
//!
//! | prefix | paths | stands for |
//! | --- | --- | --- |
//! | `/openai` | `/v1/chat/completions`, `/v1/embeddings`, `/v1/models` | OpenAI chat completions |
//! | `/anthropic` | `/v1/messages` | Anthropic Messages |
//! | `/gemini` | `/v1beta/models/{model}:generateContent`, `:streamGenerateContent`, `:embedContent`, `:batchEmbedContents` | Google Gemini |
//! | `/dashscope`, `/dashscope-cn`, `/dashscope-intl`, `/dashscope-us` | `/api/v1/services/aigc/text-generation/generation`, `.../multimodal-generation/generation`, `/api/v1/services/embeddings/text-embedding/text-embedding` | Alibaba DashScope, native |
//! | the same | `/compatible-mode/v1/chat/completions`, `/compatible-mode/v1/embeddings` | DashScope's OpenAI-compatible mode |
//! | `/cohere` | `/v2/chat`, `/v1/models` | Cohere |
//! | `/compatible` | `/v1/chat/completions`, `/v1/embeddings`, `/v1/models` | a local server (vLLM, Ollama); knows only `max_tokens`, needs no key |
//! | `/mistral` | `/v1/chat/completions`, `/v1/embeddings`, `/v1/models` | Mistral; refuses unknown fields |
//! | `/deepseek` | `/chat/completions`, `/v1/chat/completions` | DeepSeek |
//!
//! The crate depends on no other Steelyard crate. It is the independent other side of the
//! wire, written from the providers' specifications and from recorded traffic, so that a
//! mistake of an adapter is not mirrored here. Requests that the real provider would refuse
//! are refused with the same status and body: wrong keys, unknown models, wrong types,
//! broken turn structure, parameters that a model does not take.
//!
//! Keys: each provider wants a key of its own look (`sk-...`, `sk-ant-...`, `AIza...`) or one
//! of the simulator's, `sk-sim...`; a key with `wrong`, `invalid` or `revoked` in it is
//! refused. The prefixes `/dashscope-cn`, `-intl` and `-us` want `sk-sim-cn-...`,
//! `sk-sim-intl-...` and `sk-sim-us-...`; `/dashscope` takes any.
//!
//! # Answers
//! The same request and seed give the same bytes, ids and dates included. The text speaks of
//! the last words of the prompt, in Chinese for a Chinese prompt. Markers in the last user text
//! ask for more:
//!
//! | marker | effect |
//! | --- | --- |
//! | `[[say:TEXT]]` | answers exactly TEXT |
//! | `[[events:N]]` | N text deltas in a stream |
//! | `[[tool:NAME {"a": 1}]]` | calls the offered function; several markers, several calls |
//! | `[[look]]` | tells which pictures the prompt holds |
//! | `[[think]]` | adds visible reasoning and reasoning tokens |
//! | `[[redact]]` | the same, which at Anthropic only the provider can read |
//! | `[[cached:N]]` | reports N cached prompt tokens |
//! | `[[length]]` | ends with the length finish reason |
//! | `[[filter]]` | ends as filtered, in the provider's way |
//! | `[[fault:WHOM:WHAT]]` | a fault, for a provider's name, a model or `*` |
//!
//! Without a marker a function is called when the prompt speaks of the weather. After a
//! function's result the answer uses it.
//!
//! # Faults
//! Whether a request is hit is decided, in this order, by a marker, by the header
//! `x-sim-fault`, and by the [`FaultRule`]s. WHAT is `429` (any status from 400 to 599, with
//! `,retry_after=2`, `,code=...`, `,message=...`, `,html`), `delay=MS`,
//! `delay_first_token=MS`, `delay_between=MS`, `cut=BYTES`, `malformed=N`, `never`,
//! `error_event=N`, `empty`, `end_without_finish` or `close`; see [`Fault`].
//! A request that the provider refuses anyway is not hit.
//!
//! # Control
//! `GET /_sim/requests`, `GET /_sim/counts`, `GET`, `PUT` and `DELETE /_sim/faults` (a JSON
//! list of rules). In the same process [`SimState`] does the same.

mod answer;
mod ask;
mod check;
mod delivery;
mod draw;
mod fault;
mod json;
mod likely;
mod markers;
mod pictures;
mod providers;
mod schema;
mod seal;
mod server;
mod state;
mod tokens;

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use delivery::LatencyModel;
pub use fault::{Fault, FaultRule, StatusFault};
pub use state::{
    Counts, MOST_FAULT_RULES, MOST_RECORDED_BODY_BYTES, MOST_RECORDED_REQUESTS, RecordedRequest,
    SimState, TooManyRules,
};

/// How a simulator behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimulatorConfig {
    /// Another seed gives other ids, dates and words.
    pub seed: u64,
    /// How long answers take; none by default.
    pub latency: LatencyModel,
    /// Faults that are there from the start. Only the first [`MOST_FAULT_RULES`] count.
    pub faults: Vec<FaultRule>,
    /// Models that every provider knows besides its own.
    pub extra_models: Vec<String>,
    /// Takes proofs of thoughts that it did not give itself: for requests recorded elsewhere.
    pub foreign_proofs: bool,
}

/// All simulated providers.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<server::Shared>,
}

impl Simulator {
    /// A simulator that has not begun to listen.
    pub fn new(config: SimulatorConfig) -> Self {
        let mut faults = config.faults;
        faults.truncate(MOST_FAULT_RULES);
        let shared = server::Shared {
            seed: config.seed,
            latency: config.latency,
            extra_models: config.extra_models,
            foreign_proofs: config.foreign_proofs,
            state: SimState::new(faults),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The state, to be kept while [`Simulator::serve`] runs.
    pub fn state(&self) -> SimState {
        self.shared.state.clone()
    }

    /// Serves all providers until the shutdown resolves, then closes every connection.
    ///
    /// # Errors
    /// None at present: failures to accept are logged and tried again.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        server::serve(self.shared, listener, shutdown).await
    }
}
