//! What can go wrong on purpose, and the rules that say when.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that goes wrong with one answer.
///
/// As JSON it is an object with a `kind`: `{"kind": "status", "status": 529}`,
/// `{"kind": "cut_after_bytes", "n": 100}`. Counts of events count content events:
/// `after: 0` is the very first event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error answer in the provider's own form.
    Status(StatusFault),
    /// Waits before the head of the answer, in milliseconds.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends the head at once and waits before the first byte of the body.
    DelayFirstToken {
        /// Milliseconds.
        ms: u64,
    },
    /// Waits before every event of a stream but the first.
    DelayBetween {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends so many bytes of the body and closes the connection.
    CutAfterBytes {
        /// Bytes of the body that still arrive.
        n: usize,
    },
    /// Breaks the JSON of the event that follows so many content events.
    /// A unary body becomes broken JSON of full length.
    MalformedEvent {
        /// Content events before the broken one.
        #[serde(default)]
        after: usize,
    },
    /// Accepts the request and never answers.
    NeverAnswers,
    /// The provider's own error event inside a stream with status 200, after so many
    /// content events. A unary answer becomes an error body with status 200.
    ErrorEvent {
        /// Content events before the error.
        #[serde(default)]
        after: usize,
    },
    /// Status 200, a normal end and no content.
    EmptyAnswer,
    /// The stream ends without finish reason, usage or `[DONE]`.
    /// A unary answer has no finish reason.
    EndWithoutFinish,
    /// The connection is closed before any byte of the answer.
    CloseBeforeHead,
}

/// The particulars of an error answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusFault {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// How long the provider asks to wait: `retry-after`, or Gemini's `RetryInfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// The provider's error code (or type, or status word) instead of the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message instead of the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// An HTML page as a proxy in front of the provider sends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub html: bool,
}

/// When a fault happens. Everything that is given must match; the first rule that
/// matches a request is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The provider's name or prefix: `openai`, `dashscope`, `dashscope-compatible`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model as the request names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Words of the last user text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// For so many requests; without it for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

/// What a rule or marker is matched against.
pub(crate) struct Subject<'a> {
    /// The provider's name, its prefix and its family.
    pub(crate) providers: &'a [&'a str],
    pub(crate) model: &'a str,
    pub(crate) last_user: &'a str,
}

impl Subject<'_> {
    fn is_called(&self, name: &str) -> bool {
        name == "*" || name == self.model || self.providers.contains(&name)
    }
}

impl FaultRule {
    /// A rule for every request.
    pub fn always(fault: Fault) -> Self {
        Self {
            provider: None,
            model: None,
            contains: None,
            times: None,
            fault,
        }
    }

    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.times != Some(0)
            && self
                .provider
                .as_deref()
                .is_none_or(|name| subject.providers.contains(&name))
            && self
                .model
                .as_deref()
                .is_none_or(|name| name == subject.model)
            && self
                .contains
                .as_deref()
                .is_none_or(|words| subject.last_user.contains(words))
    }
}

/// The first fault whose rule matches; a rule with `times` is counted down.
pub(crate) fn take(rules: &mut [FaultRule], subject: &Subject<'_>) -> Option<Fault> {
    let rule = rules.iter_mut().find(|rule| rule.matches(subject))?;
    if let Some(times) = &mut rule.times {
        *times = times.saturating_sub(1);
    }
    Some(rule.fault.clone())
}

/// The fault of the first `[[fault:WHOM:WHAT]]` of a text that means this subject.
///
/// A marker that cannot be read is ignored, as any other words of a prompt.
pub(crate) fn marked(text: &str, subject: &Subject<'_>) -> Option<Fault> {
    crate::markers::bodies(text, "fault:").find_map(|body| {
        let (whom, what) = body.rsplit_once(':')?;
        subject
            .is_called(whom.trim())
            .then(|| parse(what))
            .flatten()
    })
}

/// Reads the short form of a fault, as in markers and the header `x-sim-fault`:
/// `429`, `status=429,retry_after=2,code=insufficient_quota`, `delay=50`, `cut=100`,
/// `malformed`, `never`, `error_event=2`, `empty`, `end_without_finish`, `close`.
pub(crate) fn parse(text: &str) -> Option<Fault> {
    let mut words = text.split(',').map(str::trim);
    let first = words.next()?;
    let (kind, value) = first.split_once('=').unwrap_or((first, ""));
    let number = || value.trim().parse::<u64>().ok();
    let count = || {
        if value.is_empty() {
            Some(0)
        } else {
            value.trim().parse::<usize>().ok()
        }
    };
    let status = kind.parse::<u16>().ok().or_else(|| match kind {
        "status" => value.trim().parse().ok(),
        _ => None,
    });
    if let Some(status) = status {
        return parse_status(status, words);
    }
    match kind {
        "delay" => Some(Fault::Delay { ms: number()? }),
        "delay_first_token" => Some(Fault::DelayFirstToken { ms: number()? }),
        "delay_between" => Some(Fault::DelayBetween { ms: number()? }),
        "cut" | "cut_after_bytes" => Some(Fault::CutAfterBytes { n: count()? }),
        "malformed" | "malformed_event" => Some(Fault::MalformedEvent { after: count()? }),
        "never" | "never_answers" => Some(Fault::NeverAnswers),
        "error_event" => Some(Fault::ErrorEvent { after: count()? }),
        "empty" | "empty_answer" => Some(Fault::EmptyAnswer),
        "end_without_finish" => Some(Fault::EndWithoutFinish),
        "close" | "close_before_head" => Some(Fault::CloseBeforeHead),
        _ => None,
    }
}

fn parse_status<'a>(status: u16, options: impl Iterator<Item = &'a str>) -> Option<Fault> {
    if !(400..600).contains(&status) {
        return None;
    }
    let mut fault = StatusFault {
        status,
        ..StatusFault::default()
    };
    for option in options {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "retry_after" | "retry_after_seconds" => {
                fault.retry_after_seconds = Some(value.parse().ok()?);
            }
            "code" => fault.code = Some(value.to_owned()),
            "message" => fault.message = Some(value.to_owned()),
            "html" => fault.html = true,
            _ => return None,
        }
    }
    Some(Fault::Status(fault))
}

impl Fault {
    /// The name under which the fault is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Delay { .. } => "delay",
            Self::DelayFirstToken { .. } => "delay_first_token",
            Self::DelayBetween { .. } => "delay_between",
            Self::CutAfterBytes { .. } => "cut_after_bytes",
            Self::MalformedEvent { .. } => "malformed_event",
            Self::NeverAnswers => "never_answers",
            Self::ErrorEvent { .. } => "error_event",
            Self::EmptyAnswer => "empty_answer",
            Self::EndWithoutFinish => "end_without_finish",
            Self::CloseBeforeHead => "close_before_head",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}

#[cfg(test)]
mod tests;
