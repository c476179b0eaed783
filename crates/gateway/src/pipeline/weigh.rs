//! What the router must know of a request, gathered in one look at it.

use std::borrow::Cow;
use std::cell::RefCell;

use smallvec::SmallVec;
use steelyard_router::{Demand, Score, ScoreInput, Scorer, Scratch, Shape, estimate_tokens};
use steelyard_types::{
    ChatRequest, Effort, Feature, FeatureSet, Message, OutputFormat, Part, Role, ServiceTier,
    UnixMillis,
};

/// Tokens that chat templates add to every message.
const TOKENS_PER_MESSAGE: u64 = 4;

thread_local! {
    /// The scorer's table, reused by every request of a thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Scores a request and says what it demands of a model.
pub(crate) fn weigh(request: &ChatRequest<'_>, at: UnixMillis, scorer: &Scorer) -> Demand {
    let special = special_fields(request);
    let score = score(request, &special, scorer);
    Demand {
        complexity: score.complexity,
        prompt_tokens: prompt_tokens(request),
        expected_output_tokens: u64::from(score.expected_output_tokens),
        max_output_tokens: request.max_output_tokens,
        features: demanded_features(request, &special),
        at,
        service: special.service,
    }
}

/// Scores a request that is not routed.
pub(crate) fn score_request(request: &ChatRequest<'_>, scorer: &Scorer) -> Score {
    score(request, &special_fields(request), scorer)
}

/// Scores the last user turn and the shape of everything.
fn score(request: &ChatRequest<'_>, special: &SpecialFields, scorer: &Scorer) -> Score {
    let last_user = request
        .messages
        .iter()
        .rposition(|message| message.role == Role::User);
    let asked = last_user.or_else(|| request.messages.len().checked_sub(1));
    let segments: SmallVec<[&str; 8]> = asked
        .map(|index| request.messages[index].texts().collect())
        .unwrap_or_default();
    let shape = shape(request, asked, special);
    let input = ScoreInput {
        segments: &segments,
        shape,
    };
    SCRATCH.with_borrow_mut(|scratch| scorer.score(&input, scratch))
}

fn shape(request: &ChatRequest<'_>, asked: Option<usize>, special: &SpecialFields) -> Shape {
    let mut shape = Shape {
        turns: saturate(request.messages.len()),
        tools: saturate(request.tools.len()),
        has_schema: special.schema,
        reasoning_requested: special.reasoning,
        max_output_tokens: request
            .max_output_tokens
            .map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX)),
        ..Shape::default()
    };
    for (index, message) in request.messages.iter().enumerate() {
        let bytes = saturate(message.texts().map(str::len).sum());
        match message.role {
            Role::System | Role::Developer => {
                shape.system_bytes = shape.system_bytes.saturating_add(bytes);
            }
            _ if Some(index) == asked => {}
            _ => shape.history_bytes = shape.history_bytes.saturating_add(bytes),
        }
        if message.role == Role::Tool {
            shape.tool_results = shape.tool_results.saturating_add(1);
        }
        shape.images = shape.images.saturating_add(saturate(images(message)));
    }
    shape
}

fn images(message: &Message<'_>) -> usize {
    let is_image = |part: &&Part<'_>| match part {
        Part::Image(_) => true,
        Part::Other { kind, .. } => matches!(kind.as_ref(), "image_url" | "image"),
        _ => false,
    };
    message.content.iter().filter(is_image).count()
}

/// Tokens of the whole prompt, estimated.
fn prompt_tokens(request: &ChatRequest<'_>) -> u64 {
    let messages = request.messages.iter().map(|message| {
        let texts: u64 = message.texts().map(estimate_tokens).sum();
        let calls = message.tool_calls.iter();
        let calls: u64 = calls
            .map(|call| estimate_tokens(&call.name) + estimate_tokens(&call.arguments))
            .sum();
        TOKENS_PER_MESSAGE + texts + calls
    });
    let tools = request.tools.iter().map(|tool| {
        let description = tool.description.as_deref().unwrap_or_default();
        let parameters = tool.parameters.map_or("", |parameters| parameters.get());
        estimate_tokens(&tool.name) + estimate_tokens(description) + estimate_tokens(parameters)
    });
    messages.sum::<u64>() + tools.sum::<u64>()
}

fn demanded_features(request: &ChatRequest<'_>, special: &SpecialFields) -> FeatureSet {
    let mut features = FeatureSet::EMPTY;
    let calls = |message: &Message<'_>| !message.tool_calls.is_empty();
    if !request.tools.is_empty() || request.messages.iter().any(calls) {
        features.insert(Feature::Tools);
    }
    if request.stream {
        features.insert(Feature::Streaming);
    }
    if special.schema {
        features.insert(Feature::JsonSchema);
    }
    for part in request.messages.iter().flat_map(|message| &message.content) {
        match part {
            Part::Image(_) => features.insert(Feature::Vision),
            Part::Document(_) => features.insert(Feature::Pdf),
            Part::Other { kind, .. } => match kind.as_ref() {
                "image_url" | "image" => features.insert(Feature::Vision),
                "file" => features.insert(Feature::Pdf),
                "input_audio" => features.insert(Feature::Audio),
                _ => {}
            },
            Part::Text(_) | Part::Reasoning(_) | Part::Refusal(_) => {}
        }
    }
    features
}

/// Fields that the neutral form leaves untranslated but that matter to routing.
#[derive(Default)]
struct SpecialFields {
    schema: bool,
    reasoning: bool,
    service: ServiceTier,
}

fn special_fields(request: &ChatRequest<'_>) -> SpecialFields {
    let mut special = SpecialFields::default();
    for field in &request.fields {
        let value = field.value.get();
        match field.name.as_ref() {
            "response_format" => special.schema = value.contains("\"json_schema\""),
            "reasoning_effort" => special.reasoning = !matches!(value, "null" | "\"none\""),
            "service_tier" => {
                // A tier that nobody has prices for (`auto`, `default`) is priced as the ordinary one.
                let tier: Option<Cow<'_, str>> = serde_json::from_str(value).ok();
                let tier = tier.and_then(|tier| ServiceTier::parse(&tier));
                special.service = tier.unwrap_or_default();
            }
            _ => {}
        }
    }
    special.schema |= matches!(request.format, OutputFormat::JsonSchema(_));
    special.reasoning |= request
        .reasoning
        .is_some_and(|control| control.effort != Some(Effort::None));
    special
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use steelyard_provider_adapter::openai;

    use super::*;

    fn demand(extra: &str) -> Demand {
        let body = format!(
            r#"{{"model":"auto","messages":[{{"role":"user","content":"Hello"}}]{extra}}}"#
        );
        let request = openai::parse_chat_request(body.as_bytes()).expect("the request is valid");
        weigh(&request, UnixMillis(0), Scorer::shipped())
    }

    #[test]
    fn the_tier_is_the_one_that_the_provider_will_read() {
        for (value, tier) in [
            (r#""flex""#, ServiceTier::Flex),
            (r#""fl\u0065x""#, ServiceTier::Flex),
            (r#""priority""#, ServiceTier::Priority),
            (r#""auto""#, ServiceTier::Standard),
            ("null", ServiceTier::Standard),
        ] {
            let demand = demand(&format!(r#","service_tier":{value}"#));
            assert_eq!(demand.service, tier, "{value}");
        }
        assert_eq!(demand("").service, ServiceTier::Standard);
    }

    #[test]
    fn what_a_request_uses_is_demanded() {
        assert!(!demand("").features.contains(Feature::Streaming));
        assert!(
            demand(r#","stream":true"#)
                .features
                .contains(Feature::Streaming)
        );
        let tools = r#","tools":[{"type":"function","function":{"name":"now"}}]"#;
        assert!(demand(tools).features.contains(Feature::Tools));
        assert!(demand(tools).prompt_tokens > demand("").prompt_tokens);
        assert_eq!(demand(r#","max_tokens":7"#).max_output_tokens, Some(7));
    }

    #[test]
    fn what_anthropics_clients_demand_is_seen() {
        let body = br#"{"model":"a","max_tokens":9,"thinking":{"type":"adaptive"},
            "output_config":{"format":{"type":"json_schema","schema":{}}},
            "messages":[{"role":"user","content":[
                {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},
                {"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}},
                {"type":"text","text":"What is this?"}]}]}"#;
        let request = steelyard_provider_adapter::messages::parse_messages_request(body);
        let request = request.expect("a request");
        let demand = weigh(&request, UnixMillis(0), Scorer::shipped());
        let expected = [Feature::JsonSchema, Feature::Vision, Feature::Pdf];
        assert_eq!(demand.features, expected.into_iter().collect());
        assert!(special_fields(&request).reasoning);
        assert_eq!(images(&request.messages[0]), 1);
    }
}
