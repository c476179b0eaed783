use std::sync::Arc;

use steelyard_types::{
    Delivery, Feature, FeatureSet, ModelFacts, OutputFactor, ReasoningStyle, StructuredOutput,
    Target, UnixMillis, WireFormat,
};

use super::{Names, heads};
use crate::decode::{
    Fields, Report, boolean, choice, fraction, integer, list, number, suggest, text,
};
use crate::prices::{PriceBook, PriceEntry};
use crate::yaml::{Entry, Node};
use crate::{CapabilityBasis, Head, Model, Price, Provider, ProviderId, ScorerFacts};

/// The largest capability. Strong models lie beyond 1, where a model is more likely right than wrong
/// on every prompt; at 2 it hardly ever fails.
const MOST_CAPABILITY: f32 = 2.0;

/// What models refer to.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) providers: &'a [Provider],
    /// The price book; `None` if it could not be read, which was reported already.
    pub(super) book: Option<&'a PriceBook>,
    /// What may be said of heads.
    pub(super) scorer: Option<&'a ScorerFacts>,
}

const BASES: [(&str, CapabilityBasis); 2] = [
    ("declared", CapabilityBasis::Declared),
    ("calibrated", CapabilityBasis::Calibrated),
];

/// Largest number of tokens that anything here can be.
const MAX_TOKENS: u64 = 1_000_000_000;

pub(super) fn decode(
    names: &Names<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<Model> {
    names
        .entries()
        .map(|entry| decode_model(entry, context, report))
        .collect()
}

/// A list of features.
pub(super) fn features(node: &Node, report: &mut Report<'_>) -> FeatureSet {
    let choices = Feature::ALL.map(|feature| (feature.as_str(), feature));
    list(node, report, |node, report| choice(node, &choices, report))
        .into_iter()
        .collect()
}

fn decode_model(entry: &Entry, context: &Context<'_>, report: &mut Report<'_>) -> Model {
    let mut fields = Fields::of(&entry.value, entry.key_span, "model", report);
    let provider = fields
        .required("provider", report)
        .and_then(|node| context.names.refer(node, report))
        .map(ProviderId);
    let place = provider.and_then(|id| context.providers.get(id.index()));
    let upstream = fields
        .optional("upstream")
        .and_then(|node| text(node, report));
    let own_features = fields
        .optional("features")
        .map(|node| features(node, report));
    let makes_vectors = own_features.is_some_and(|own| own.contains(Feature::Embeddings));
    let head = heads::decode(&mut fields, context.scorer, report);
    let has_place = matches!(head, Some(Head::OutcomesOf(_)));
    let needs_place = !makes_vectors && !has_place;
    let capability = needed(&mut fields, "capability", needs_place, report)
        .and_then(|node| fraction(node, MOST_CAPABILITY, report));
    let capability_basis = fields
        .optional("capability_basis")
        .and_then(|node| choice(node, &BASES, report));
    let output_factor = decode_output_factor(&mut fields, makes_vectors, report);
    let context_window = fields
        .required("context_window", report)
        .and_then(|node| integer(node, 1..=MAX_TOKENS, report));
    let max_output_tokens = needed(&mut fields, "max_output_tokens", !makes_vectors, report)
        .and_then(|node| integer(node, 1..=MAX_TOKENS, report));
    let facts = decode_facts(&mut fields, report);
    if makes_vectors {
        check_vectors(entry, place, own_features.unwrap_or_default(), report);
        if head.is_some() {
            report.error(
                entry.key_span,
                "a model that makes embeddings is not judged: it has no `head` and no `outcomes_of`",
            );
        }
    }
    let price = decode_price(fields.optional("price"), entry, place, context, report);
    fields.finish(report);

    Model {
        name: Arc::from(entry.key.as_str()),
        provider: provider.unwrap_or(ProviderId(0)),
        target: Target {
            upstream: Arc::from(upstream.unwrap_or(&entry.key)),
            wire: place.map_or(WireFormat::OpenAiChat, |provider| provider.wire),
            profile: place.map_or(steelyard_types::WireProfile::COMPATIBLE, |provider| {
                provider.profile
            }),
            features: offered(own_features, &facts),
            facts,
            max_output_tokens: max_output_tokens.unwrap_or(1),
        },
        capability: capability
            .or_else(|| heads::capability(head.as_ref(), context.scorer))
            .map_or(if makes_vectors { 1.0 } else { 0.0 }, |place| {
                place.clamp(0.0, MOST_CAPABILITY)
            }),
        capability_basis: capability_basis.unwrap_or(match capability {
            None if has_place => CapabilityBasis::Recorded,
            _ => CapabilityBasis::Declared,
        }),
        head,
        output_factor,
        context_window: context_window.unwrap_or(1),
        price: price.price,
        price_name: price.name,
        ends: price.ends,
    }
}

/// A field that chat models need. Vectors are neither more nor less right and have no tokens, so that
/// models that make them can leave it out.
fn needed<'n>(
    fields: &mut Fields<'n>,
    name: &'static str,
    is_needed: bool,
    report: &mut Report<'_>,
) -> Option<&'n Node> {
    if is_needed {
        fields.required(name, report)
    } else {
        fields.optional(name)
    }
}

/// How long the answers are. Vectors have no tokens that could be more or fewer.
fn decode_output_factor(
    fields: &mut Fields<'_>,
    makes_vectors: bool,
    report: &mut Report<'_>,
) -> OutputFactor {
    let Some(node) = fields.optional("output_factor") else {
        return OutputFactor::ONE;
    };
    if makes_vectors {
        report.error(
            node.span,
            "a model that makes embeddings has no output tokens, so no `output_factor`",
        );
    }
    number(node, OutputFactor::LEAST..=OutputFactor::MOST, report)
        .and_then(|factor| OutputFactor::new(f64::from(factor)))
        .unwrap_or_default()
}

/// What clients can get of a model. One that hands over its answers in one way only is asked in that
/// way, so that its clients have streams all the same.
fn offered(own: Option<FeatureSet>, facts: &ModelFacts) -> FeatureSet {
    let mut features = own.unwrap_or_else(|| FeatureSet::EMPTY.with(Feature::Streaming));
    if facts.delivery != Delivery::Both && !features.contains(Feature::Embeddings) {
        features.insert(Feature::Streaming);
    }
    features
}

/// A model that makes vectors does nothing else, and not everybody has one.
fn check_vectors(
    entry: &Entry,
    provider: Option<&Provider>,
    features: FeatureSet,
    report: &mut Report<'_>,
) {
    let only = FeatureSet::EMPTY.with(Feature::Embeddings);
    if let Some(other) = features.difference(only).iter().next() {
        report.error_with_help(
            entry.key_span,
            format!(
                "the model `{}` has the feature `embeddings` and also `{}`",
                entry.key,
                other.as_str()
            ),
            "a model that makes embeddings answers no chat: it has no other feature",
        );
    }
    if let Some(provider) = provider.filter(|one| !one.wire.has_embeddings()) {
        report.error(
            entry.key_span,
            format!("embeddings of provider `{}` are not carried", provider.name),
        );
    }
}

/// What the model accepts. Where the policy says nothing, it accepts what its provider does.
fn decode_facts(fields: &mut Fields<'_>, report: &mut Report<'_>) -> ModelFacts {
    const DELIVERIES: [(&str, Delivery); 3] = [
        ("both", Delivery::Both),
        ("stream_only", Delivery::StreamOnly),
        ("whole_only", Delivery::WholeOnly),
    ];
    const REASONING: [(&str, ReasoningStyle); 2] = [
        ("effort", ReasoningStyle::Effort),
        ("budget", ReasoningStyle::Budget),
    ];
    const STRUCTURED: [(&str, StructuredOutput); 3] = [
        ("schema", StructuredOutput::Schema),
        ("tool", StructuredOutput::Tool),
        ("object", StructuredOutput::Object),
    ];
    let mut refuses = |name| {
        let node = fields.optional(name);
        node.and_then(|node| boolean(node, report)).unwrap_or(false)
    };
    ModelFacts {
        refuses_sampling: refuses("refuses_sampling"),
        refuses_prefill: refuses("refuses_prefill"),
        refuses_forced_tool_choice: refuses("refuses_forced_tool_choice"),
        delivery: fields
            .optional("delivery")
            .and_then(|node| choice(node, &DELIVERIES, report))
            .unwrap_or_default(),
        reasoning: fields
            .optional("reasoning")
            .and_then(|node| choice(node, &REASONING, report))
            .unwrap_or_default(),
        structured_output: fields
            .optional("structured_output")
            .and_then(|node| choice(node, &STRUCTURED, report))
            .unwrap_or_default(),
    }
}

struct FoundPrice {
    price: Price,
    name: Option<String>,
    ends: Option<UnixMillis>,
}

/// The price of a model: an entry of the book, or `free`, which nothing is without saying so.
fn decode_price(
    node: Option<&Node>,
    entry: &Entry,
    provider: Option<&Provider>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> FoundPrice {
    let nothing = FoundPrice {
        price: Price::Free,
        name: None,
        ends: None,
    };
    let near = |name: &str, full: bool| {
        context
            .book
            .filter(|_| !full)
            .and_then(|book| nearest(book, name))
    };
    let Some(node) = node else {
        let help = match near(&entry.key, report.is_full()) {
            Some(near) => {
                format!("did you mean `price: {near}`? A model without cost: `price: free`")
            }
            None => "name an entry of the price book, or say `price: free`".to_owned(),
        };
        let message = format!("the model `{}` has no price", entry.key);
        report.error_with_help(entry.key_span, message, help);
        return nothing;
    };
    let Some(name) = text(node, report).filter(|name| *name != "free") else {
        return nothing;
    };
    let Some(book) = context.book else {
        return nothing;
    };
    let Some(found) = book.get(name) else {
        let help = match near(name, report.is_full()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to the price book, or say `price: free`".to_owned(),
        };
        report.error_with_help(
            node.span,
            format!("no price `{name}` in the price book"),
            help,
        );
        return nothing;
    };
    check_region(node, name, found, provider, report);
    FoundPrice {
        price: Price::Table(Arc::clone(&found.table)),
        name: Some(name.to_owned()),
        ends: found.ends,
    }
}

/// A price of one region says nothing about another.
fn check_region(
    node: &Node,
    name: &str,
    price: &PriceEntry,
    provider: Option<&Provider>,
    report: &mut Report<'_>,
) {
    let Some((provider, region)) = provider.and_then(|one| Some((one, one.region?))) else {
        return;
    };
    if let Some(bound) = price.region.filter(|bound| *bound != region) {
        let message = format!(
            "the price `{name}` holds in region {}, but provider `{}` is in {}",
            bound.as_str(),
            provider.name,
            region.as_str()
        );
        report.error_with_help(
            node.span,
            message,
            "prices differ between regions: use its own",
        );
    }
}

/// The nearest name of the book, by the whole name or by the part after the vendor.
fn nearest<'b>(book: &'b PriceBook, name: &str) -> Option<&'b str> {
    let names = book.names();
    let tail = |name: &'b str| name.rsplit_once('/').map_or(name, |(_, tail)| tail);
    let own_tail = name.rsplit_once('/').map_or(name, |(_, tail)| tail);
    let near_tail = suggest(own_tail, names.iter().copied().map(tail));
    let same_vendor = |candidate: &&str| {
        name.split_once('/')
            .is_some_and(|(vendor, _)| candidate.starts_with(vendor))
    };
    let with_tail = || {
        names
            .iter()
            .copied()
            .filter(|full| Some(tail(full)) == near_tail)
    };
    near_tail
        .and_then(|_| with_tail().find(same_vendor).or_else(|| with_tail().next()))
        .or_else(|| suggest(name, names.iter().copied()))
}
