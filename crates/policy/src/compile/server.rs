use crate::decode::{Fields, Report, choice, duration_ms, integer, text};
use crate::yaml::Node;
use crate::{LogFormat, ServerSection};

const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) fn decode(node: &Node, report: &mut Report<'_>) -> ServerSection {
    let mut fields = Fields::of(node, node.span, "server section", report);
    let section = ServerSection {
        listen: fields
            .optional("listen")
            .and_then(|node| address(node, report)),
        admin_listen: fields
            .optional("admin_listen")
            .and_then(|node| address(node, report)),
        max_body_bytes: fields
            .optional("max_body_bytes")
            .and_then(|node| integer(node, 1_024..=1 << 30, report)),
        max_in_flight: fields
            .optional("max_in_flight")
            .and_then(|node| integer(node, 1..=1_000_000, report))
            .and_then(|number| u32::try_from(number).ok()),
        keep_alive_ms: fields
            .optional("keep_alive_ms")
            .and_then(|node| duration_ms(node, report)),
        drain_ms: fields
            .optional("drain_ms")
            .and_then(|node| duration_ms(node, report)),
        log_level: fields
            .optional("log_level")
            .and_then(|node| text(node, report))
            .map(str::to_owned),
        log_format: fields
            .optional("log_format")
            .and_then(|node| choice(node, &LOG_FORMATS, report)),
    };
    fields.finish(report);
    section
}

/// `host:port`; whether the host exists is for the one who binds.
fn address(node: &Node, report: &mut Report<'_>) -> Option<String> {
    let address = text(node, report)?;
    let port = address
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty());
    if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        report.error(node.span, "expected an address such as 127.0.0.1:8080");
        return None;
    }
    Some(address.to_owned())
}
