//! A client without an SDK, for what SDKs hide: raw bytes, frames, headers.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::soon;

/// Sends requests to one data plane.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

/// A streamed answer, read to its end.
#[derive(Debug, Clone)]
pub struct Streamed {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The data of all frames, in order.
    pub frames: Vec<String>,
    /// Why the body did not end well on the HTTP level, if so.
    pub broken: Option<String>,
}

/// A request with one text of the user.
#[must_use]
pub fn user(model: &str, text: &str) -> Value {
    chat(model, &[("user", text)])
}

/// A request with these messages, each a role and a text.
#[must_use]
pub fn chat(model: &str, messages: &[(&str, &str)]) -> Value {
    let message = |(role, text): &(&str, &str)| json!({ "role": role, "content": text });
    json!({ "model": model, "messages": messages.iter().map(message).collect::<Vec<_>>() })
}

impl Client {
    /// A client of `http://host:port`, without a key.
    ///
    /// # Panics
    /// When TLS cannot be set up, which nothing here uses.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // An error means that it was chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build();
        Self {
            http: http.expect("a plain client can be made"),
            base: base.to_owned(),
            key: None,
        }
    }

    /// The same client with a key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Asks for a whole chat completion.
    pub async fn chat(&self, body: &Value) -> Answer {
        self.post(body.to_string()).await
    }

    /// Sends these bytes as a chat completion.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request("POST", "/v1/chat/completions");
        self.answer(request.body(body)).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.answer(self.request("GET", path)).await
    }

    /// Sends a request and reads the answer whole.
    ///
    /// # Panics
    /// When there is none.
    pub async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = soon("an answer", request.send()).await;
        let response = response.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = soon("a body", response.text()).await.expect("a body");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// Asks for a stream and returns when its head is there.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn open(&self, body: &Value) -> reqwest::Response {
        let mut body = body.clone();
        body["stream"] = json!(true);
        let request = self.request("POST", "/v1/chat/completions");
        let sent = request.body(body.to_string()).send();
        soon("the head of a stream", sent).await.expect("an answer")
    }

    /// Asks for a stream and reads it to its end.
    pub async fn stream(&self, body: &Value) -> Streamed {
        Streamed::read(self.open(body).await).await
    }
}

impl Answer {
    /// A header as text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// The text of the first choice.
    #[must_use]
    pub fn content(&self) -> &str {
        let content = &self.body["choices"][0]["message"]["content"];
        content.as_str().unwrap_or_default()
    }

    /// Asserts an error in OpenAI's shape, and gives its message.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn error(&self, status: u16, kind: &str) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("x-steelyard-error"), kind, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        let error = self.body["error"].as_object().expect("an error object");
        let mut fields: Vec<&str> = error.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["code", "message", "param", "type"],
            "{}",
            self.text
        );
        assert!(error["type"].is_string(), "{}", self.text);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{}", self.text);
        message
    }
}

impl Streamed {
    /// Reads a stream to its end, whatever it is.
    pub async fn read(mut response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = Vec::new();
        let broken = loop {
            match soon("the rest of a stream", response.chunk()).await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let frames = text.split_terminator("\n\n").map(|frame| {
            let lines = frame.lines().filter_map(|line| line.strip_prefix("data:"));
            lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
        });
        Self {
            status,
            headers,
            frames: frames.collect(),
            broken,
        }
    }

    /// A header as text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    /// Whether it ends with `[DONE]`, which stands nowhere else.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let places = self
            .frames
            .iter()
            .filter(|frame| *frame == "[DONE]")
            .count();
        places == 1 && self.frames.last().is_some_and(|last| last == "[DONE]")
    }

    /// The frames that are JSON.
    #[must_use]
    pub fn chunks(&self) -> Vec<Value> {
        let parsed = self.frames.iter().map(|frame| serde_json::from_str(frame));
        parsed.filter_map(Result::ok).collect()
    }

    /// All text, in order.
    #[must_use]
    pub fn content(&self) -> String {
        let delta = |chunk: &Value| {
            let content = &chunk["choices"][0]["delta"]["content"];
            content.as_str().unwrap_or_default().to_owned()
        };
        self.chunks().iter().map(delta).collect()
    }

    /// All finish reasons.
    #[must_use]
    pub fn finish_reasons(&self) -> Vec<String> {
        let reason = |chunk: &Value| {
            let reason = chunk["choices"][0]["finish_reason"].as_str();
            reason.map(str::to_owned)
        };
        self.chunks().iter().filter_map(reason).collect()
    }

    /// The chunk that holds the usage.
    #[must_use]
    pub fn usage_chunk(&self) -> Option<Value> {
        let chunks = self.chunks().into_iter();
        chunks.rev().find(|chunk| chunk["usage"].is_object())
    }

    /// The error with which it ends, if so.
    #[must_use]
    pub fn error(&self) -> Option<Value> {
        let last: Value = serde_json::from_str(self.frames.last()?).ok()?;
        last.get("error").cloned()
    }

    /// Asserts that it is a whole answer with this text.
    ///
    /// # Panics
    /// When it is not.
    pub fn whole(&self, text: &str) {
        assert_eq!(self.status, 200, "{:?}", self.frames);
        assert!(self.is_done() && self.broken.is_none(), "{self:?}");
        assert_eq!(self.content(), text);
        assert_eq!(self.finish_reasons(), ["stop"], "{:?}", self.frames);
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}
