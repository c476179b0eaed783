use std::path::PathBuf;
use std::sync::Arc;

use steelyard_types::{
    MaxTokensField, ReasoningField, ToolCallIds, UnknownFields, WireFormat, WireProfile,
};

use super::Names;
use crate::decode::{Fields, Report, boolean, choice, duration_ms, text};
use crate::prices::REGIONS;
use crate::yaml::{Entry, Node, Value};
use crate::{KeyReference, Provider, ProviderKind, Region, Timeouts, TimeoutsOverride};

pub(super) fn decode(names: &Names<'_>, report: &mut Report<'_>) -> Vec<Provider> {
    names
        .entries()
        .map(|entry| decode_provider(entry, report))
        .collect()
}

/// The four timeouts, as a provider or a route gives them.
pub(super) fn timeouts(node: &Node, report: &mut Report<'_>) -> TimeoutsOverride {
    let mut fields = Fields::of(node, node.span, "timeouts", report);
    let mut timeout = |key| {
        fields
            .optional(key)
            .and_then(|node| duration_ms(node, report))
    };
    let timeouts = TimeoutsOverride {
        connect_ms: timeout("connect_ms"),
        first_token_ms: timeout("first_token_ms"),
        idle_ms: timeout("idle_ms"),
        total_ms: timeout("total_ms"),
    };
    fields.finish(report);
    timeouts
}

fn decode_provider(entry: &Entry, report: &mut Report<'_>) -> Provider {
    let mut fields = Fields::of(&entry.value, entry.key_span, "provider", report);
    let kinds: Vec<_> = ProviderKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), *kind))
        .collect();
    let kind = fields
        .required("kind", report)
        .and_then(|node| choice(node, &kinds, report));
    let region_node = fields.optional("region");
    let region = region_node.and_then(|node| choice(node, &REGIONS, report));
    let base_url_node = fields.optional("base_url");
    let base_url = base_url_node.and_then(|node| decode_base_url(node, report));
    let key = fields
        .optional("key")
        .and_then(|node| decode_key(node, report));
    let profile_node = fields.optional("profile");
    let timeouts = fields
        .optional("timeouts")
        .map(|node| timeouts(node, report));
    fields.finish(report);

    if let Some(kind) = kind {
        check_place(
            entry,
            kind,
            region_node.is_some(),
            base_url_node.is_some(),
            report,
        );
    }
    // Without a kind everything below is guesswork that is thrown away.
    let known_kind = kind.unwrap_or(ProviderKind::OpenAiCompatible);
    let base = known_kind.profile();
    let profile = match profile_node {
        Some(node) if kind.is_some_and(|kind| kind.wire() != WireFormat::OpenAiChat) => {
            report.error(
                node.span,
                "only providers that speak OpenAI's format have a profile",
            );
            base
        }
        Some(node) => decode_profile(node, base, report),
        None => base,
    };
    Provider {
        name: Arc::from(entry.key.as_str()),
        kind: known_kind,
        base_url: base_url
            .or_else(|| known_kind.default_base_url(region))
            .unwrap_or_default(),
        region,
        key,
        wire: known_kind.wire(),
        profile,
        timeouts: timeouts.unwrap_or_default().apply(Timeouts::default()),
    }
}

/// A provider must say where it is unless its kind does.
fn check_place(
    entry: &Entry,
    kind: ProviderKind,
    has_region: bool,
    has_base_url: bool,
    report: &mut Report<'_>,
) {
    let name = kind.as_str();
    if kind.has_regions() && !has_region {
        report.error_with_help(
            entry.key_span,
            format!("a provider of kind `{name}` needs a `region`"),
            "one of cn, intl, us: the region in which its key was made; keys do not work in \
             another",
        );
    } else if !has_base_url && kind.default_base_url(Some(Region::Cn)).is_none() {
        report.error_with_help(
            entry.key_span,
            format!("a provider of kind `{name}` needs a `base_url`"),
            "the address before `/chat/completions`, such as http://127.0.0.1:8000/v1",
        );
    }
}

fn decode_base_url(node: &Node, report: &mut Report<'_>) -> Option<String> {
    let url = text(node, report)?;
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let sound = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(['@', '?', '#'])
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if !sound {
        report.error_with_help(
            node.span,
            "expected an http or https address without user, query or fragment",
            "such as https://api.example.com/v1",
        );
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// `{ env: NAME }` or `{ file: path }`. The key itself is refused and not shown.
fn decode_key(node: &Node, report: &mut Report<'_>) -> Option<KeyReference> {
    const HELP: &str = "refer to it: `key: { env: OPENAI_API_KEY }` or `key: { file: \
                        /run/secrets/openai }`; a key that was in a file is best replaced";
    if let Value::Scalar { .. } = node.value {
        report.secret(node.span, "a key must not be written in a policy", HELP);
        return None;
    }
    let mut fields = Fields::of(node, node.span, "key reference", report);
    let env = fields.optional("env");
    let file = fields.optional("file");
    fields.finish(report);
    match (env, file) {
        (Some(env), None) => {
            let variable = text(env, report)?;
            let sound = variable
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && variable
                    .bytes()
                    .next()
                    .is_some_and(|first| !first.is_ascii_digit());
            if !sound {
                // A key pasted where its variable's name belongs.
                report.secret(env.span, "not the name of an environment variable", HELP);
                return None;
            }
            Some(KeyReference::Env(variable.to_owned()))
        }
        (None, Some(file)) => {
            let path = text(file, report)?;
            if path.is_empty() || path.starts_with("sk-") {
                report.secret(file.span, "not a path", HELP);
                return None;
            }
            Some(KeyReference::File(PathBuf::from(path)))
        }
        _ => {
            if matches!(node.value, Value::Map(_)) {
                report.error_with_help(node.span, "a key has either `env` or `file`", HELP);
            }
            None
        }
    }
}

fn decode_profile(node: &Node, base: WireProfile, report: &mut Report<'_>) -> WireProfile {
    const MAX_TOKENS: [(&str, MaxTokensField); 2] = [
        ("max_tokens", MaxTokensField::MaxTokens),
        ("max_completion_tokens", MaxTokensField::MaxCompletionTokens),
    ];
    const CALL_IDS: [(&str, ToolCallIds); 2] = [
        ("any", ToolCallIds::Any),
        ("nine_alphanumerics", ToolCallIds::NineAlphanumerics),
    ];
    const UNKNOWN: [(&str, UnknownFields); 2] = [
        ("forward", UnknownFields::Forward),
        ("refuse", UnknownFields::Refuse),
    ];
    const REASONING: [(&str, ReasoningField); 4] = [
        ("effort", ReasoningField::Effort),
        ("enable_thinking", ReasoningField::EnableThinking),
        ("thinking", ReasoningField::Thinking),
        ("none", ReasoningField::None),
    ];
    let mut fields = Fields::of(node, node.span, "profile", report);
    let profile = WireProfile {
        max_tokens_field: fields
            .optional("max_tokens_field")
            .and_then(|node| choice(node, &MAX_TOKENS, report))
            .unwrap_or(base.max_tokens_field),
        developer_role: fields
            .optional("developer_role")
            .and_then(|node| boolean(node, report))
            .unwrap_or(base.developer_role),
        stream_usage_option: fields
            .optional("stream_usage_option")
            .and_then(|node| boolean(node, report))
            .unwrap_or(base.stream_usage_option),
        tool_call_ids: fields
            .optional("tool_call_ids")
            .and_then(|node| choice(node, &CALL_IDS, report))
            .unwrap_or(base.tool_call_ids),
        unknown_fields: fields
            .optional("unknown_fields")
            .and_then(|node| choice(node, &UNKNOWN, report))
            .unwrap_or(base.unknown_fields),
        reasoning: fields
            .optional("reasoning")
            .and_then(|node| choice(node, &REASONING, report))
            .unwrap_or(base.reasoning),
        several_choices: fields
            .optional("several_choices")
            .and_then(|node| boolean(node, report))
            .unwrap_or(base.several_choices),
        functions: fields
            .optional("functions")
            .and_then(|node| boolean(node, report))
            .unwrap_or(base.functions),
        custom_tools: fields
            .optional("custom_tools")
            .and_then(|node| boolean(node, report))
            .unwrap_or(base.custom_tools),
    };
    fields.finish(report);
    profile
}
