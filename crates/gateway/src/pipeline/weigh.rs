//! What the router must know of a request, gathered in one look at it.

#[cfg(test)]
mod conversations;
#[cfg(test)]
mod dressed;
mod fold;
mod follow_up;
mod reference;
mod says;
mod scoring;
#[cfg(test)]
mod turns;

use steelyard_router::{Demand, Place, Scorer, estimate_tokens};
use steelyard_types::{
    ChatRequest, Embedding, EmbeddingInputs, Feature, FeatureSet, Message, OutputFormat, Part,
    ServiceTier, Source, UnixMillis,
};

pub(crate) use scoring::{score_request, what_is_scored};

/// Tokens that chat templates add to every message.
const TOKENS_PER_MESSAGE: u64 = 4;

/// A picture at low detail, as OpenAI counts it.
const TOKENS_OF_A_SMALL_IMAGE: u64 = 85;

/// A picture of about a megapixel, a CHOICE between OpenAI (765 for one of 1,024 by 1,024), Gemini
/// (1,032 in four tiles) and Anthropic (1,400).
const TOKENS_OF_AN_IMAGE: u64 = 1_000;

/// A page of a document. Anthropic says 1,500 to 3,000, text and picture; Gemini 258.
const TOKENS_OF_A_PAGE: u64 = 2_000;

/// Base64 of a page, a CHOICE: PDF files of text have 30 to 100 kilobytes a page.
const BYTES_OF_A_PAGE: usize = 80_000;

/// Scores a request and says what it demands of a model.
pub(crate) fn weigh(request: &ChatRequest<'_>, at: UnixMillis, scorer: &Scorer) -> Demand {
    if let Some(embedding) = &request.embedding {
        return demand_of_vectors(embedding, at);
    }
    let score = score_request(request, scorer);
    Demand {
        complexity: score.complexity,
        place: score.place,
        prompt_tokens: prompt_tokens(request),
        expected_output_tokens: u64::from(score.expected_output_tokens),
        max_output_tokens: request.max_output_tokens,
        // None at all is refused by whoever is asked; it has a price like one.
        answers: request.n.unwrap_or(1).max(1),
        features: demanded_features(request),
        at,
        service: service_tier(request),
    }
}

/// What embeddings demand: a model that makes them, which is good enough for every text. The answer
/// has no tokens.
fn demand_of_vectors(embedding: &Embedding<'_>, at: UnixMillis) -> Demand {
    Demand {
        complexity: 0.0,
        place: Place::default(),
        prompt_tokens: match &embedding.inputs {
            EmbeddingInputs::Texts(texts) => texts.iter().map(|text| estimate_tokens(text)).sum(),
            EmbeddingInputs::Tokens { tokens, .. } => *tokens,
        },
        expected_output_tokens: 0,
        max_output_tokens: None,
        answers: 1,
        features: FeatureSet::EMPTY.with(Feature::Embeddings),
        at,
        service: ServiceTier::Standard,
    }
}

/// Tokens of the whole prompt, estimated.
fn prompt_tokens(request: &ChatRequest<'_>) -> u64 {
    let messages = request.messages.iter().map(|message| {
        let texts: u64 = message.texts().map(estimate_tokens).sum();
        let calls = message.tool_calls.iter();
        let calls: u64 = calls
            .map(|call| estimate_tokens(&call.name) + estimate_tokens(&call.arguments))
            .sum();
        let other: u64 = message.content.iter().map(part_tokens).sum();
        TOKENS_PER_MESSAGE + texts + calls + other
    });
    let tools = request.tools.iter().map(|tool| {
        let description = tool.description.as_deref().unwrap_or_default();
        let parameters = tool.parameters.map_or("", |parameters| parameters.get());
        let grammar = tool.grammar.as_ref();
        let grammar = grammar.map_or("", |grammar| grammar.definition.as_ref());
        [&tool.name, description, parameters, grammar]
            .into_iter()
            .map(estimate_tokens)
            .sum::<u64>()
    });
    let schema = match &request.format {
        OutputFormat::JsonSchema(format) => format.schema.map_or("", |schema| schema.get()),
        OutputFormat::Text | OutputFormat::JsonObject => "",
    };
    messages.sum::<u64>() + tools.sum::<u64>() + estimate_tokens(schema)
}

/// Tokens of what is not text, roughly: providers count pictures by their size, which only who decodes
/// them knows, and documents by their pages.
fn part_tokens(part: &Part<'_>) -> u64 {
    match part {
        Part::Image(image) if image.detail.as_deref() == Some("low") => TOKENS_OF_A_SMALL_IMAGE,
        Part::Image(_) => TOKENS_OF_AN_IMAGE,
        Part::Document(document) => match &document.source {
            Source::Url(_) => TOKENS_OF_A_PAGE,
            Source::Base64 { data, .. } => document_tokens(data.len()),
        },
        Part::Other { kind, raw } => match kind.as_ref() {
            "image_url" | "image" => TOKENS_OF_AN_IMAGE,
            "file" => document_tokens(raw.get().len()),
            _ => 0,
        },
        // Most models are not sent the thoughts in a history.
        Part::Reasoning(_) => 0,
        // These are counted as texts.
        Part::Text(_) | Part::Refusal(_) => 0,
    }
}

fn document_tokens(bytes: usize) -> u64 {
    let pages = bytes.div_ceil(BYTES_OF_A_PAGE).max(1);
    u64::try_from(pages)
        .unwrap_or(u64::MAX)
        .saturating_mul(TOKENS_OF_A_PAGE)
}

fn demanded_features(request: &ChatRequest<'_>) -> FeatureSet {
    let mut features = FeatureSet::EMPTY;
    let calls = |message: &Message<'_>| !message.tool_calls.is_empty();
    if !request.tools.is_empty() || request.messages.iter().any(calls) {
        features.insert(Feature::Tools);
    }
    if request.stream {
        features.insert(Feature::Streaming);
    }
    if matches!(request.format, OutputFormat::JsonSchema(_)) {
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

/// The tier by which the request is priced: one that nobody has prices for (`auto`, `default`) is priced
/// as the ordinary one.
fn service_tier(request: &ChatRequest<'_>) -> ServiceTier {
    let named = request.service_tier.as_deref();
    named.and_then(ServiceTier::parse).unwrap_or_default()
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
        for (n, answers) in [
            (r#","n":3"#, 3),
            (r#","n":1"#, 1),
            (r#","n":null"#, 1),
            ("", 1),
        ] {
            assert_eq!(demand(n).answers, answers, "{n}");
        }
        let schema = |format: &str| {
            let demand = demand(&format!(r#","response_format":{format}"#));
            demand.features.contains(Feature::JsonSchema)
        };
        assert!(schema(
            r#"{"type":"json_schema","json_schema":{"name":"a","schema":{}}}"#
        ));
        assert!(!schema(r#"{"type":"json_object"}"#));
        let tokens = |schema: &str| {
            let format = format!(
                r#"{{"type":"json_schema","json_schema":{{"name":"a","schema":{schema}}}}}"#
            );
            demand(&format!(r#","response_format":{format}"#)).prompt_tokens
        };
        let long = r#"{"type":"object","properties":{"invoice_number":{"type":"string"}}}"#;
        assert!(tokens(long) > tokens("{}") + 10);
    }

    #[test]
    fn more_asked_thinking_weighs_more() {
        let of = |effort: &str| {
            let demand = demand(&format!(r#","reasoning_effort":"{effort}""#));
            (demand.complexity, demand.expected_output_tokens)
        };
        let plain = demand("");
        let plain = (plain.complexity, plain.expected_output_tokens);
        assert_eq!(of("none"), plain);
        assert_eq!(of("minimal"), plain);
        for pair in ["none", "low", "medium", "high"].windows(2) {
            let (less, more) = (of(pair[0]), of(pair[1]));
            assert!(more.0 > less.0 && more.1 > less.1, "{pair:?}");
        }
        // Anthropic's budget is told by the effort of that length.
        let body =
            br#"{"model":"a","max_tokens":9000,"messages":[{"role":"user","content":"Hello"}],
            "thinking":{"type":"enabled","budget_tokens":2048}}"#;
        let request = steelyard_provider_adapter::messages::parse_messages_request(body);
        let budget = weigh(
            &request.expect("a request"),
            UnixMillis(0),
            Scorer::shipped(),
        );
        assert_eq!(
            (budget.complexity, budget.expected_output_tokens),
            of("low")
        );
    }

    #[test]
    fn pictures_and_documents_have_tokens() {
        let with = |part: &str| {
            let body = format!(
                r#"{{"model":"a","max_tokens":9,"messages":[{{"role":"user","content":[{part}]}}]}}"#
            );
            let request =
                steelyard_provider_adapter::messages::parse_messages_request(body.as_bytes())
                    .expect("a request");
            prompt_tokens(&request)
        };
        let data = |bytes: usize| {
            format!(
                r#"{{"type":"document","source":{{"type":"base64","media_type":"application/pdf","data":"{}"}}}}"#,
                "A".repeat(bytes)
            )
        };
        let image = r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#;
        assert_eq!(with(image), TOKENS_PER_MESSAGE + TOKENS_OF_AN_IMAGE);
        assert_eq!(with(&data(8)), TOKENS_PER_MESSAGE + TOKENS_OF_A_PAGE);
        let three = 2 * BYTES_OF_A_PAGE + 4;
        assert_eq!(
            with(&data(three)),
            TOKENS_PER_MESSAGE + 3 * TOKENS_OF_A_PAGE
        );
    }

    #[test]
    fn embeddings_demand_a_model_that_makes_them() {
        let of = |input: &str| {
            let body = format!(r#"{{"model":"a","input":{input}}}"#);
            let request =
                steelyard_provider_adapter::embeddings::parse_embedding_request(body.as_bytes())
                    .expect("a request");
            weigh(&request, UnixMillis(0), Scorer::shipped())
        };
        let demand = of("[[1,2],[3]]");
        assert_eq!(demand.prompt_tokens, 3);
        assert_eq!(demand.expected_output_tokens, 0);
        assert!(demand.features.contains(Feature::Embeddings));
        let (one, two) = (of("\"some words\""), of("[\"some words\",\"some words\"]"));
        assert_eq!(two.prompt_tokens, 2 * one.prompt_tokens);
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
        let shape = scoring::shape(&request, None);
        assert_eq!(shape.reasoning, Some(steelyard_types::Effort::Medium));
        assert_eq!(scoring::images(&request.messages[0]), 1);
    }
}
