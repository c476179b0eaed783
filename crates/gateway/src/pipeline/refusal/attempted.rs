//! Why every attempt failed, and how much of a provider's words the client is shown.

use smallvec::SmallVec;
use steelyard_policy::ModelId;
use steelyard_types::{Dialect, ErrorKind, ProviderError, WireFormat};

use crate::pipeline::exchange::Exchange;
use crate::pipeline::respond::Refused;
use crate::snapshot::Snapshot;

/// Why every attempt failed. The last error decides the kind; a caller's own error is shown in the
/// provider's words.
pub(crate) fn of_attempts(
    exchange: &Exchange,
    tried: SmallVec<[(ModelId, ProviderError); 4]>,
) -> Refused {
    let name = |model: ModelId| &exchange.snapshot.deployment(model).name;
    let history: Vec<String> = tried
        .iter()
        .map(|(model, error)| format!("{}: {}", name(*model), error.kind))
        .collect();
    // That a request could not be written for one model says little once another was asked.
    let asked = tried.iter().rev();
    let mut asked = asked.filter(|(_, error)| error.kind != ErrorKind::Unsupported);
    let Some((model, last)) = asked.next().or(tried.last()) else {
        return Refused::new(ErrorKind::Internal, "nothing was tried");
    };
    let message = if is_callers(last.kind) {
        last.message.clone()
    } else {
        match history.len() {
            1 => format!("the provider gave no answer ({})", history.join("")),
            count => format!(
                "none of {count} models gave an answer ({})",
                history.join(", ")
            ),
        }
    };
    let mut refused = Refused::new(last.kind, message);
    // Providers quote what they were sent; the log holds no text of prompts.
    refused.detail = Some(history.join("; "));
    refused.retry_after_ms = last.retry_after_ms;
    if is_callers(last.kind) {
        let own = last.kind == ErrorKind::Unsupported;
        let wire = exchange.snapshot.policy.model(*model).target.wire;
        let param = last.param.clone();
        refused.param = param.filter(|param| own || is_clients(param, exchange.dialect, wire));
        if own || !has_own_code(last.kind) && speaks_openai(&exchange.snapshot, *model) {
            refused.code = last.code.clone().filter(|code| is_word(code));
        }
    }
    refused
}

/// Whether clients know the kind by a code that every dialect has for it, which providers of other
/// formats say in other words (`INVALID_ARGUMENT`, `DataInspectionFailed`).
fn has_own_code(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ContextLength | ErrorKind::ContentFilter | ErrorKind::UpstreamModelNotFound
    )
}

/// Whether the codes of a model's provider can be words of the vocabulary that OpenAI's clients know.
fn speaks_openai(snapshot: &Snapshot, model: ModelId) -> bool {
    matches!(
        snapshot.policy.model(model).target.wire,
        WireFormat::OpenAiChat | WireFormat::OpenAiResponses
    )
}

/// Whether a field that a provider names is one that the client wrote. Where the two speak different
/// formats, places are those in what the gateway wrote.
fn is_clients(param: &str, dialect: Dialect, wire: WireFormat) -> bool {
    const COMMON: [&str; 13] = [
        "model",
        "temperature",
        "top_p",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "stream",
        "metadata",
        "user",
        "service_tier",
        "seed",
        "presence_penalty",
        "frequency_penalty",
    ];
    match (dialect, wire) {
        // Both are sent to OpenAI's servers nearly as they came.
        (Dialect::OpenAiEmbeddings, WireFormat::OpenAiChat) => true,
        (Dialect::OpenAiCompletions, WireFormat::OpenAiChat) => {
            !param.starts_with("messages") && param != "max_completion_tokens"
        }
        _ => dialect.as_str() == wire.as_str() || COMMON.contains(&param),
    }
}

/// Whether a code is written as OpenAI writes its own (`invalid_value`). Servers of its format also
/// send numbers, statuses and names of other APIs (`1500`, `InvalidParameter`), and where they have no
/// code (OpenAI too) it is the error's type that stands in its place, which the client gets as `type`.
fn is_word(code: &str) -> bool {
    const TYPES: [&str; 4] = [
        "invalid_request_error",
        "not_found_error",
        "api_error",
        "request_too_large",
    ];
    if TYPES.contains(&code) {
        return false;
    }
    code.starts_with(|first: char| first.is_ascii_lowercase())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether an error is about the request itself, so that the provider's words help the caller.
fn is_callers(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BadRequest
            | ErrorKind::Unprocessable
            | ErrorKind::PayloadTooLarge
            | ErrorKind::ContextLength
            | ErrorKind::ContentFilter
            | ErrorKind::UpstreamModelNotFound
            | ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_openais_kind_are_passed_on() {
        for code in ["invalid_value", "unsupported_file", "tool_use_failed"] {
            assert!(is_word(code), "{code}");
        }
        for code in [
            "invalid_request_error",
            "1500",
            "InvalidParameter",
            "INVALID_ARGUMENT",
            "",
        ] {
            assert!(!is_word(code), "{code}");
        }
    }

    #[test]
    fn places_in_what_the_gateway_wrote_are_not_the_clients() {
        let chat = WireFormat::OpenAiChat;
        for (param, dialect, told) in [
            ("messages[0].role", Dialect::OpenAiChat, true),
            ("messages[0].role", Dialect::OpenAiResponses, false),
            ("max_completion_tokens", Dialect::OpenAiCompletions, false),
            ("frobnicate", Dialect::OpenAiCompletions, true),
            ("dimensions", Dialect::OpenAiEmbeddings, true),
            ("response_format", Dialect::OpenAiResponses, false),
            ("temperature", Dialect::OpenAiResponses, true),
        ] {
            assert_eq!(
                is_clients(param, dialect, chat),
                told,
                "{param}, {dialect:?}"
            );
        }
    }
}
