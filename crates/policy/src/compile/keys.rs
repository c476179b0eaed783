use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::Names;
use crate::decode::{Fields, Report, boolean, integer, list, text};
use crate::yaml::{Entry, Node};
use crate::{RouteId, VirtualKey};

pub(super) fn decode(
    keys: &Names<'_>,
    routes: &Names<'_>,
    report: &mut Report<'_>,
) -> Vec<VirtualKey> {
    let mut hashes = HashMap::new();
    keys.entries()
        .map(|entry| decode_key(entry, routes, &mut hashes, report))
        .collect()
}

fn decode_key<'n>(
    entry: &'n Entry,
    routes: &Names<'_>,
    hashes: &mut HashMap<[u8; 32], &'n str>,
    report: &mut Report<'_>,
) -> VirtualKey {
    let mut fields = Fields::of(&entry.value, entry.key_span, "key", report);
    if let Some(plain) = fields.optional("key") {
        report.secret(
            plain.span,
            "a key must not be written in a policy",
            HASH_HELP,
        );
    }
    let sha256 = fields.required("sha256", report).and_then(|node| {
        let hash = decode_hash(node, report)?;
        if let Some(other) = hashes.insert(hash, &entry.key) {
            report.error(node.span, format!("the key `{other}` has the same hash"));
        }
        Some(hash)
    });
    let routes = fields.optional("routes").map(|node| {
        list(node, report, |name, report| {
            routes.refer(name, report).map(RouteId)
        })
    });
    let models = fields
        .optional("models")
        .and_then(|node| boolean(node, report));
    let requests_per_minute = fields
        .optional("requests_per_minute")
        .and_then(|node| integer(node, 1..=1_000_000_000, report))
        .and_then(|number| u32::try_from(number).ok())
        .and_then(NonZeroU32::new);
    // `key` exists only to be refused with an explanation.
    fields.finish(report);
    VirtualKey {
        name: Arc::from(entry.key.as_str()),
        sha256: sha256.unwrap_or_default(),
        routes,
        models: models.unwrap_or(true),
        requests_per_minute,
    }
}

const HASH_HELP: &str =
    "give its SHA-256 instead: `printf %s \"$KEY\" | sha256sum`; treat this key as leaked";

fn decode_hash(node: &Node, report: &mut Report<'_>) -> Option<[u8; 32]> {
    let hex = text(node, report)?;
    let mut hash = [0; 32];
    let valid = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !valid {
        let message = "expected the SHA-256 of the key, 64 hexadecimal digits";
        if hex.len() < 64 && !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            // Most likely the key itself.
            report.secret(node.span, message, HASH_HELP);
        } else {
            report.error_with_help(node.span, message, HASH_HELP);
        }
        return None;
    }
    for (byte, place) in hash.iter_mut().zip(0..) {
        *byte = u8::from_str_radix(hex.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(hash)
}
