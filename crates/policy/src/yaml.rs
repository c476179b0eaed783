//! YAML as a tree in which every key and value knows its place.
//!
//! Bounded in bytes, depth and nodes, aliases counted as often as they are used, so that no text
//! can make loading expensive.

mod parse;
mod tree;

pub(crate) use parse::parse;
pub(crate) use tree::{Entry, Node, Span, Value};
