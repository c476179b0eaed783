//! A generation request as it is written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
pub(super) struct Body<'r> {
    pub(super) model: &'r str,
    pub(super) input: Input<'r>,
    pub(super) parameters: Parameters<'r>,
}

#[derive(Serialize)]
pub(super) struct Input<'r> {
    pub(super) messages: Vec<WireMessage<'r>>,
}

#[derive(Serialize)]
pub(super) struct WireMessage<'r> {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<Cow<'r, str>>,
    pub(super) content: Content<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<WireCall<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<&'r str>,
    /// Whether the answer is to go on from these words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partial: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'r> {
    Text(Cow<'r, str>),
    Pieces(Vec<Piece<'r>>),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Piece<'r> {
    Text(Cow<'r, str>),
    /// An address, or a `data:` URL.
    Image(Cow<'r, str>),
    Audio(Cow<'r, str>),
}

#[derive(Serialize)]
pub(super) struct WireCall<'r> {
    pub(super) index: usize,
    pub(super) id: &'r str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: CalledFunction<'r>,
}

#[derive(Serialize)]
pub(super) struct CalledFunction<'r> {
    pub(super) name: &'r str,
    pub(super) arguments: &'r str,
}

#[derive(Serialize)]
pub(super) struct Parameters<'r> {
    pub(super) result_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) incremental_output: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u64>,
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
    pub(super) n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<&'r [Cow<'r, str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<ResponseFormat<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enable_thinking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_budget: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<WireTool<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<WireChoice<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct ResponseFormat<'r> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) json_schema: Option<WireSchema<'r>>,
}

#[derive(Serialize)]
pub(super) struct WireSchema<'r> {
    pub(super) name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'r str>,
    pub(super) schema: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct WireTool<'r> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: Function<'r>,
}

#[derive(Serialize)]
pub(super) struct Function<'r> {
    pub(super) name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<&'r RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireChoice<'r> {
    Word(&'static str),
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        function: ChosenFunction<'r>,
    },
}

#[derive(Serialize)]
pub(super) struct ChosenFunction<'r> {
    pub(super) name: &'r str,
}
