//! Policies for tests: every kind of provider, pointed at the simulator.

use std::fmt::Write as _;

/// Features of a model that can do all that the gateway carries.
pub const FULL: [&str; 7] = [
    "streaming",
    "tools",
    "parallel_tools",
    "reasoning",
    "prompt_cache",
    "json_schema",
    "vision",
];

/// A kind of provider with three of its models, the first one cheap.
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
    /// What it calls the model that can do all that is carried to this kind, `NAME-full` in the
    /// policy.
    pub full: &'static str,
    /// What that model cannot do of [`FULL`].
    pub lacks: &'static [&'static str],
    /// Facts of that model, as further fields in flow form.
    pub facts: &'static str,
}

impl Kind {
    /// Every kind there is; DashScope in both of its modes. The full models are of the generation
    /// of which each provider's ways are oldest: their budgets and their ids.
    pub const ALL: [Self; 9] = [
        Self::new(
            "openai",
            "/openai/v1",
            ["gpt-4o-mini", "gpt-4o", "gpt-5-mini"],
        )
        .with_facts("refuses_sampling: true"),
        Self::new(
            "anthropic",
            "/anthropic",
            ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-4-5"],
        )
        .with_facts("reasoning: budget"),
        Self::new(
            "gemini",
            "/gemini",
            [
                "gemini-2.0-flash-lite",
                "gemini-2.0-flash",
                "gemini-2.5-flash",
            ],
        )
        .with_facts("reasoning: budget"),
        Self {
            region: Some("intl"),
            key: "sk-sim-intl-e2e-dashscope-secret",
            ..Self::new(
                "dashscope",
                "/dashscope-intl",
                ["qwen-plus", "qwen-max", "qwen3.6-plus"],
            )
        }
        .with_facts("structured_output: object"),
        Self {
            kind: "dashscope_compatible",
            region: Some("intl"),
            key: "sk-sim-intl-e2e-compatible-mode-secret",
            ..Self::new(
                "dashscope-compatible",
                "/dashscope-intl/compatible-mode/v1",
                ["qwen-plus", "qwen-max", "qwen3.6-plus"],
            )
        }
        .with_facts("structured_output: object"),
        Self::new(
            "mistral",
            "/mistral/v1",
            [
                "mistral-small-latest",
                "mistral-large-latest",
                "mistral-medium-3-5",
            ],
        ),
        Self {
            lacks: &["vision"],
            ..Self::new(
                "deepseek",
                "/deepseek",
                ["deepseek-chat", "deepseek-v4-pro", "deepseek-v4-pro"],
            )
        }
        .with_facts("structured_output: object"),
        Self::new(
            "cohere",
            "/cohere",
            [
                "command-r7b-12-2024",
                "command-a-03-2025",
                "command-a-plus-05-2026",
            ],
        ),
        Self {
            kind: "openai_compatible",
            ..Self::new(
                "compatible",
                "/compatible/v1",
                ["gpt-oss:20b", "llama3.3", "gemma3:27b"],
            )
        },
    ];

    const fn new(name: &'static str, base_path: &'static str, models: [&'static str; 3]) -> Self {
        Self {
            name,
            kind: name,
            region: None,
            base_path,
            key: "sk-sim-e2e-provider-secret",
            cheap: models[0],
            dear: models[1],
            full: models[2],
            lacks: &[],
            facts: "",
        }
    }

    const fn with_facts(self, facts: &'static str) -> Self {
        Self { facts, ..self }
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
                .full_model(kind)
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

    /// Adds a model that knows neither pictures nor schemas.
    #[must_use]
    pub fn model(self, name: &str, provider: &str, upstream: &str, price: &str) -> Self {
        self.model_with(
            name,
            provider,
            upstream,
            price,
            "features: [streaming, tools, parallel_tools, reasoning, prompt_cache]",
        )
    }

    /// Adds a model; `more` are further fields in flow form.
    #[must_use]
    pub fn model_with(
        mut self,
        name: &str,
        provider: &str,
        upstream: &str,
        price: &str,
        more: &str,
    ) -> Self {
        let _ = writeln!(
            self.models,
            "  {name}: {{ provider: {provider}, upstream: \"{upstream}\", capability: 0.9, \
             context_window: 100000, max_output_tokens: 16000, price: {price}, {more} }}",
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

    /// Adds the full model of a kind.
    fn full_model(self, kind: &Kind) -> Self {
        let features: Vec<_> = FULL
            .into_iter()
            .filter(|feature| !kind.lacks.contains(feature))
            .collect();
        let more = format!("features: [{}], {}", features.join(", "), kind.facts);
        let name = format!("{}-full", kind.name);
        self.model_with(&name, kind.name, kind.full, "test/penny", &more)
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
