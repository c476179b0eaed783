//! Policies for tests: every kind of provider, pointed at the simulator.

use std::fmt::Write as _;

/// A kind of provider with two of its models, the first one cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name here, and its provider's name in the policy.
    pub name: &'static str,
    /// The word for it in policies.
    pub kind: &'static str,
    /// Its region, where it needs one.
    pub region: Option<&'static str>,
    /// Where the simulator has it.
    pub base_path: &'static str,
    /// The key that the simulator accepts.
    pub key: &'static str,
    /// What it calls the cheap model, `NAME-cheap` in the policy.
    pub cheap: &'static str,
    /// What it calls the dear model, `NAME-dear` in the policy.
    pub dear: &'static str,
}

impl Kind {
    /// Every kind there is; DashScope in both of its modes.
    pub const ALL: [Self; 8] = [
        Self::new("openai", "openai", "/openai/v1", "gpt-4o-mini", "gpt-4o"),
        Self::new(
            "anthropic",
            "anthropic",
            "/anthropic",
            "claude-haiku-4-5",
            "claude-sonnet-4-5",
        ),
        Self::new(
            "gemini",
            "gemini",
            "/gemini",
            "gemini-2.0-flash-lite",
            "gemini-2.0-flash",
        ),
        Self {
            region: Some("intl"),
            key: "sk-sim-intl-e2e-dashscope-secret",
            ..Self::new(
                "dashscope",
                "dashscope",
                "/dashscope-intl",
                "qwen-plus",
                "qwen-max",
            )
        },
        Self {
            region: Some("intl"),
            key: "sk-sim-intl-e2e-compatible-mode-secret",
            ..Self::new(
                "dashscope-compatible",
                "dashscope_compatible",
                "/dashscope-intl/compatible-mode/v1",
                "qwen-plus",
                "qwen-max",
            )
        },
        Self::new(
            "mistral",
            "mistral",
            "/mistral/v1",
            "mistral-small-latest",
            "mistral-large-latest",
        ),
        Self::new(
            "deepseek",
            "deepseek",
            "/deepseek",
            "deepseek-chat",
            "deepseek-v4-pro",
        ),
        Self::new(
            "compatible",
            "openai_compatible",
            "/compatible/v1",
            "gpt-oss:20b",
            "llama3.3",
        ),
    ];

    const fn new(
        name: &'static str,
        kind: &'static str,
        base_path: &'static str,
        cheap: &'static str,
        dear: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            region: None,
            base_path,
            key: "sk-sim-e2e-provider-secret",
            cheap,
            dear,
        }
    }

    /// The kind of that name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|kind| kind.name == name);
        found.unwrap_or_else(|| panic!("no kind {name}"))
    }

    /// The environment variable that holds its key.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("E2E_KEY_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// A policy under construction, section by section, in YAML.
#[derive(Debug, Clone, Default)]
pub struct PolicyFile {
    server: String,
    providers: String,
    models: String,
    routes: String,
    keys: String,
}

impl PolicyFile {
    /// All kinds of providers with their models; for each a route of its own name that falls back
    /// from the cheap to the dear model, and `auto` over all cheap ones.
    #[must_use]
    pub fn of_all_kinds(simulator: &str) -> Self {
        let mut policy = Self::default();
        for kind in &Kind::ALL {
            let name = kind.name;
            policy = policy
                .provider(name, kind, simulator, "")
                .model(&format!("{name}-cheap"), name, kind.cheap, "test/penny")
                .model(&format!("{name}-dear"), name, kind.dear, "test/pound")
                .route(
                    &format!("{name}-ladder"),
                    &format!("{name}-cheap, {name}-dear"),
                    "threshold: 0",
                );
        }
        policy.route("auto", "openai-cheap, anthropic-cheap", "threshold: 0")
    }

    /// Adds a provider; `more` are further fields in flow form.
    #[must_use]
    pub fn provider(mut self, name: &str, kind: &Kind, simulator: &str, more: &str) -> Self {
        let region = kind.region.map(|region| format!("region: {region}, "));
        let _ = writeln!(
            self.providers,
            "  {name}: {{ kind: {}, {}base_url: \"{simulator}{}\", key: {{ env: {} }}, {more} }}",
            kind.kind,
            region.unwrap_or_default(),
            kind.base_path,
            kind.variable(),
        );
        self
    }

    /// Adds a model.
    #[must_use]
    pub fn model(mut self, name: &str, provider: &str, upstream: &str, price: &str) -> Self {
        let _ = writeln!(
            self.models,
            "  {name}: {{ provider: {provider}, upstream: \"{upstream}\", capability: 0.9, \
             context_window: 100000, max_output_tokens: 16000, price: {price}, \
             features: [streaming, tools, parallel_tools, reasoning, prompt_cache] }}",
        );
        self
    }

    /// Adds a model; `facts` are its fields in flow form but for provider, name at it and price.
    #[must_use]
    pub fn model_of(mut self, name: &str, provider: &str, upstream: &str, facts: &str) -> Self {
        let _ = writeln!(
            self.models,
            "  {name}: {{ provider: {provider}, upstream: \"{upstream}\", price: test/penny, {facts} }}",
        );
        self
    }

    /// Adds a route; `candidates` are divided by commas, `more` are further fields in flow form.
    #[must_use]
    pub fn route(mut self, name: &str, candidates: &str, more: &str) -> Self {
        let _ = writeln!(
            self.routes,
            "  {name}: {{ candidates: [{candidates}], {more} }}"
        );
        self
    }

    /// Adds a virtual key by its hash; `more` are further fields in flow form.
    #[must_use]
    pub fn key(mut self, name: &str, sha256: &str, more: &str) -> Self {
        let _ = writeln!(self.keys, "  {name}: {{ sha256: {sha256}, {more} }}");
        self
    }

    /// Adds lines to the section of virtual keys.
    #[must_use]
    pub fn key_lines(mut self, lines: &str) -> Self {
        self.keys.push_str(lines);
        self
    }

    /// Adds a setting of the gateway.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        let _ = writeln!(self.server, "  {line}");
        self
    }

    /// The whole file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = "prices: prices.yaml\n".to_owned();
        let sections = [
            ("server", &self.server),
            ("providers", &self.providers),
            ("models", &self.models),
            ("routes", &self.routes),
            ("keys", &self.keys),
        ];
        for (name, lines) in sections {
            if !lines.is_empty() {
                let _ = write!(text, "{name}:\n{lines}");
            }
        }
        text
    }
}
