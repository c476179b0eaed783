//! A running simulator, a client, and each provider's smallest good request.

use serde_json::{Value, json};
use steelyard_simulator::{SimState, Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// One way to call one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenAi,
    Anthropic,
    Gemini,
    DashScope,
    DashScopeCompatible,
    Compatible,
    Mistral,
    DeepSeek,
    Cohere,
}

pub(crate) const ALL: [Kind; 9] = [
    Kind::OpenAi,
    Kind::Anthropic,
    Kind::Gemini,
    Kind::DashScope,
    Kind::DashScopeCompatible,
    Kind::Compatible,
    Kind::Mistral,
    Kind::DeepSeek,
    Kind::Cohere,
];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::DashScope => "dashscope",
            Self::DashScopeCompatible => "dashscope-compatible",
            Self::Compatible => "compatible",
            Self::Mistral => "mistral",
            Self::DeepSeek => "deepseek",
            Self::Cohere => "cohere",
        }
    }

    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::OpenAi => "gpt-4o",
            Self::Anthropic => "claude-sonnet-4-5",
            Self::Gemini => "gemini-2.5-flash",
            Self::DashScope | Self::DashScopeCompatible => "qwen-plus",
            Self::Compatible => "qwen3:8b",
            Self::Mistral => "mistral-small-latest",
            Self::DeepSeek => "deepseek-chat",
            Self::Cohere => "command-a-03-2025",
        }
    }

    pub(crate) fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Anthropic => "/anthropic/v1/messages".to_owned(),
            Self::Gemini if stream => {
                format!("/gemini/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Gemini => format!("/gemini/v1beta/models/{model}:generateContent"),
            Self::DashScope => {
                "/dashscope/api/v1/services/aigc/text-generation/generation".to_owned()
            }
            Self::DashScopeCompatible => {
                "/dashscope/compatible-mode/v1/chat/completions".to_owned()
            }
            Self::DeepSeek => "/deepseek/chat/completions".to_owned(),
            Self::Cohere => "/cohere/v2/chat".to_owned(),
            other => format!("/{}/v1/chat/completions", other.name()),
        }
    }

    /// A request with one user text, and one function where that is wanted.
    pub(crate) fn body(self, text: &str, stream: bool, tool: bool) -> Value {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}},
            "required": ["city"]});
        let function = json!({"name": "get_weather", "description": "Weather of a city",
            "parameters": parameters});
        let chat_tools = json!([{"type": "function", "function": function}]);
        match self {
            Self::Anthropic => {
                let mut body = json!({"model": self.model(), "max_tokens": 500,
                    "messages": [{"role": "user", "content": text}]});
                if stream {
                    body["stream"] = json!(true);
                }
                if tool {
                    body["tools"] = json!([{"name": "get_weather", "input_schema": parameters}]);
                }
                body
            }
            Self::Gemini => {
                let mut body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
                if tool {
                    body["tools"] = json!([{"functionDeclarations": [function]}]);
                }
                body
            }
            Self::DashScope => {
                let mut body = json!({"model": self.model(),
                    "input": {"messages": [{"role": "user", "content": text}]},
                    "parameters": {"result_format": "message", "incremental_output": stream,
                        "parallel_tool_calls": true}});
                if tool {
                    body["parameters"]["tools"] = chat_tools;
                }
                body
            }
            _ => {
                let mut body = json!({"model": self.model(),
                    "messages": [{"role": "user", "content": text}]});
                if stream {
                    body["stream"] = json!(true);
                }
                if stream && !matches!(self, Self::Mistral | Self::Cohere) {
                    body["stream_options"] = json!({"include_usage": true});
                }
                if tool {
                    body["tools"] = chat_tools;
                }
                body
            }
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The data of all events of a stream, in order.
    pub(crate) fn data(&self) -> Vec<String> {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"));
        lines.map(|data| data.trim().to_owned()).collect()
    }

    /// The events that are JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.data()
            .iter()
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    }
}

pub(crate) struct Rig {
    pub(crate) state: SimState,
    pub(crate) base: String,
    pub(crate) client: reqwest::Client,
    shutdown: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(SimulatorConfig::default()).await
    }

    pub(crate) async fn with(config: SimulatorConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let simulator = Simulator::new(config);
        let state = simulator.state();
        let (shutdown, wait) = oneshot::channel::<()>();
        let served = tokio::spawn(simulator.serve(listener, async {
            let _closed = wait.await;
        }));
        // A second installation in the same process fails and changes nothing.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            state,
            base,
            client,
            shutdown: Some(shutdown),
            served,
        }
    }

    /// Stops the simulator; every connection ends with it.
    pub(crate) async fn stop(mut self) {
        drop(self.shutdown.take());
        self.served.await.unwrap().unwrap();
    }

    pub(crate) fn request(&self, kind: Kind, path: &str, body: String) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base)).body(body);
        let request = request.header("content-type", "application/json");
        match kind {
            Kind::Anthropic => request
                .header("x-api-key", "sk-sim-anthropic")
                .header("anthropic-version", "2023-06-01"),
            Kind::Gemini => request.header("x-goog-api-key", "sk-sim-gemini"),
            Kind::Compatible => request,
            _ => request.header("authorization", "Bearer sk-sim-key"),
        }
    }

    pub(crate) async fn send(&self, kind: Kind, body: &Value, stream: bool) -> Got {
        let model = body["model"].as_str().unwrap_or(kind.model()).to_owned();
        let path = kind.path(&model, stream);
        let mut request = self.request(kind, &path, body.to_string());
        if kind == Kind::DashScope && stream {
            request = request.header("x-dashscope-sse", "enable");
        }
        Self::receive(request).await
    }

    pub(crate) async fn ask(&self, kind: Kind, text: &str, stream: bool, tool: bool) -> Got {
        self.send(kind, &kind.body(text, stream, tool), stream)
            .await
    }

    pub(crate) async fn receive(request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Got {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }
}
