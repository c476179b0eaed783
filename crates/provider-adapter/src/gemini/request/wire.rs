//! A `GenerateContentRequest` as it is written.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'r> {
    pub(super) contents: Vec<Content<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_instruction: Option<Content<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<[Tools<'r>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_config: Option<ToolConfig<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation_config: Option<GenerationConfig<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Content<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<Part<'r>>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'r, str>>,
    #[serde(flatten)]
    pub(super) media: Option<Media<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<FunctionCall<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<FunctionResponse<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<&'r str>,
}

impl<'r> Part<'r> {
    pub(super) fn text(text: impl Into<Cow<'r, str>>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    pub(super) fn media(media: Media<'r>) -> Self {
        Self {
            media: Some(media),
            ..Self::default()
        }
    }
}

/// Bytes that are no text, here or elsewhere.
#[derive(Debug, Serialize, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Media<'r> {
    #[serde(rename_all = "camelCase")]
    InlineData {
        mime_type: Cow<'r, str>,
        data: Cow<'r, str>,
    },
    #[serde(rename_all = "camelCase")]
    FileData {
        /// Where the provider reads it itself, unknown types are left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<&'static str>,
        file_uri: &'r str,
    },
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'r> {
    pub(super) id: &'r str,
    pub(super) name: &'r str,
    pub(super) args: Cow<'r, RawValue>,
}

#[derive(Serialize)]
pub(super) struct FunctionResponse<'r> {
    pub(super) id: &'r str,
    pub(super) name: &'r str,
    pub(super) response: Response<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Media<'r>>,
}

/// A tool's words as the object that Gemini wants: themselves if they are one, else wrapped. Those
/// of a tool that failed are always wrapped, under the name that Gemini reads errors from.
pub(super) struct Response<'r> {
    pub(super) text: Cow<'r, str>,
    pub(super) failed: bool,
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(object) = json::object(&self.text).filter(|_| !self.failed) {
            return object.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        let name = if self.failed { "error" } else { "output" };
        map.serialize_entry(name, &self.text)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'r> {
    pub(super) function_declarations: Vec<Function<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Function<'r> {
    pub(super) name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'r str>,
    /// Takes ordinary JSON Schema; `parameters` takes only a part of OpenAPI's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters_json_schema: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'r> {
    pub(super) function_calling_config: FunctionCallingConfig<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionCallingConfig<'r> {
    pub(super) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_function_names: Option<[&'r str; 1]>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_k: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) presence_penalty: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frequency_penalty: Option<&'r RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_sequences: Option<&'r [Cow<'r, str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_json_schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<ThinkingConfig>,
}

impl GenerationConfig<'_> {
    /// Nothing at all where nothing is asked for.
    pub(super) fn non_empty(self) -> Option<Self> {
        let numbers = [
            self.temperature,
            self.top_p,
            self.top_k,
            self.presence_penalty,
            self.frequency_penalty,
        ];
        let counts = [self.max_output_tokens, self.candidate_count];
        let says_something = numbers.iter().any(Option::is_some)
            || counts.iter().any(Option::is_some)
            || self.seed.is_some()
            || self.stop_sequences.is_some()
            || self.response_logprobs.is_some()
            || self.response_mime_type.is_some()
            || self.thinking_config.is_some();
        says_something.then_some(self)
    }
}

#[derive(Debug, Serialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_level: Option<&'static str>,
    /// 0 is off, -1 as the model sees fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_budget: Option<i64>,
}
