//! References to nowhere.

use super::write::unescaped;
use super::{Fault, Holds, MAX_STEPS, Node, holds};

/// Refuses the first reference to a place that is not in the schema.
pub(super) fn check(root: &Node<'_>) -> Result<(), Fault> {
    let mut steps = 0;
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let members = match node {
            Node::Leaf(_) => continue,
            Node::List(nodes) => {
                open.extend(nodes);
                continue;
            }
            Node::Object(members) => members,
        };
        for (name, node) in members {
            match (name.as_ref(), holds(name)) {
                ("$ref", _) => check_one(root, node, &mut steps)?,
                ("$defs" | "definitions", _) | (_, Holds::Named) => {
                    if let Node::Object(named) = node {
                        open.extend(named.iter().map(|(_, node)| node));
                    }
                }
                (_, Holds::Schema) => open.push(node),
                (_, Holds::Data) => {}
            }
        }
    }
    Ok(())
}

fn check_one(root: &Node<'_>, reference: &Node<'_>, steps: &mut usize) -> Result<(), Fault> {
    let Some(reference) = reference.string() else {
        return Ok(());
    };
    let Some(pointer) = reference.strip_prefix("#/") else {
        return Ok(());
    };
    let mut place = root;
    for step in pointer.split('/') {
        let step = unescaped(step);
        let next = match place {
            Node::Object(members) => {
                *steps += members.len();
                let found = members.iter().find(|(name, _)| *name == step);
                found.map(|(_, node)| node)
            }
            Node::List(nodes) => step.parse().ok().and_then(|at: usize| nodes.get(at)),
            Node::Leaf(_) => None,
        };
        if *steps > MAX_STEPS {
            return Err(Fault::too_large());
        }
        let Some(next) = next else {
            let name: String = reference.chars().take(100).collect();
            return Err(Fault::Other(format!(
                "refers to {name}, which is not in it"
            )));
        };
        place = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::super::check_references;

    #[test]
    fn references_to_nowhere_are_named() {
        for (schema, lost) in [
            (
                r##"{"$ref":"#/$defs/A","$defs":{"A":{"type":"object"}}}"##,
                None,
            ),
            (
                r##"{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#x"}}}"##,
                None,
            ),
            (
                r##"{"properties":{"$ref":{"$ref":"#/properties/$ref"}}}"##,
                None,
            ),
            (r##"{"enum":[{"$ref":"#/$defs/A"}]}"##, None),
            (
                r##"{"anyOf":[{"$ref":"#/anyOf/1"},{"type":"null"}]}"##,
                None,
            ),
            (
                r##"{"anyOf":[{"$ref":"#/anyOf/2"},{"type":"null"}]}"##,
                Some("#/anyOf/2"),
            ),
            (
                r##"{"$defs":{"A":{"items":{"$ref":"#/$defs/B"}}}}"##,
                Some("#/$defs/B"),
            ),
        ] {
            let raw: &RawValue = serde_json::from_str(schema).unwrap();
            let found = check_references(raw)
                .err()
                .map(|fault| fault.refusal("").reason);
            let expected = lost.map(|name| format!("refers to {name}, which is not in it"));
            assert_eq!(found, expected, "{schema}");
        }
    }
}
