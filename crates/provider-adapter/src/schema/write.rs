use std::borrow::Cow;

use super::{
    Fault, Holds, MAX_BYTES, MAX_DEPTH, MAX_STEPS, Member, Node, Subset, constrains, holds,
    is_silent,
};
use crate::json::push_text;

/// The members of a schema, those of what it refers to among them.
type Members<'s, 'a> = Vec<(&'s str, &'s Node<'a>)>;

pub(super) fn schema(root: &Node<'_>, subset: Subset) -> Result<(String, bool), Fault> {
    let mut writer = Writer {
        root,
        subset,
        out: String::new(),
        active: Vec::new(),
        steps: 0,
        loosened: false,
    };
    writer.schema(root, 0)?;
    Ok((writer.out, writer.loosened))
}

struct Writer<'s, 'a> {
    root: &'s Node<'a>,
    subset: Subset,
    out: String,
    /// The references that are being inlined, outermost first.
    active: Vec<Cow<'a, str>>,
    steps: usize,
    loosened: bool,
}

/// What becomes of a keyword.
enum Fate {
    Keep,
    /// `const` as an `enum` of one.
    Enum,
    Tell,
    Leave,
}

impl<'s, 'a> Writer<'s, 'a> {
    fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS || self.out.len() > MAX_BYTES {
            return Err(Fault::too_large());
        }
        Ok(())
    }

    fn schema(&mut self, node: &'s Node<'a>, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        self.spend(1)?;
        match node {
            Node::Leaf(text) => self.out.push_str(text),
            Node::List(schemas) => {
                self.out.push('[');
                for (index, one) in schemas.iter().enumerate() {
                    self.comma(index > 0);
                    self.schema(one, depth + 1)?;
                }
                self.out.push(']');
            }
            Node::Object(members) => {
                let outside = self.active.len();
                let members = self.resolved(members, depth)?;
                self.members(&members, depth)?;
                self.active.truncate(outside);
            }
        }
        Ok(())
    }

    fn members(&mut self, members: &Members<'s, 'a>, depth: usize) -> Result<(), Fault> {
        self.spend(members.len())?;
        let told = self.told(members, depth)?;
        // A description that is no string says nothing.
        let undescribed = |name: &str, node: &Node<'a>| {
            name == "description" && !told.is_empty() && node.string().is_none()
        };
        let mut described = told.is_empty();
        let mut first = true;
        self.out.push('{');
        for (name, node) in members {
            let fate = self.fate(name, members);
            if matches!(fate, Fate::Tell | Fate::Leave) || undescribed(name, node) {
                continue;
            }
            self.comma(!std::mem::replace(&mut first, false));
            if matches!(fate, Fate::Enum) {
                self.out.push_str("\"enum\":[");
                self.verbatim(node)?;
                self.out.push(']');
                continue;
            }
            push_text(&mut self.out, name);
            self.out.push(':');
            match node.string() {
                Some(words) if *name == "description" && !told.is_empty() => {
                    described = true;
                    push_text(&mut self.out, &format!("{words}\n\n{{{told}}}"));
                }
                _ => self.value(name, node, depth)?,
            }
        }
        if !described {
            self.comma(!first);
            self.out.push_str("\"description\":");
            push_text(&mut self.out, &format!("{{{told}}}"));
        }
        self.out.push('}');
        Ok(())
    }

    /// The constraints and hints that the provider does not know, as the members of a JSON object.
    fn told(&mut self, members: &Members<'s, 'a>, depth: usize) -> Result<String, Fault> {
        let mut told = String::new();
        for (name, node) in members {
            if !matches!(self.fate(name, members), Fate::Tell) {
                continue;
            }
            // A hint is as good in words.
            self.loosened |= constrains(name);
            let out = std::mem::take(&mut self.out);
            self.comma(!told.is_empty());
            push_text(&mut self.out, name);
            self.out.push(':');
            self.value(name, node, depth)?;
            told.push_str(&std::mem::replace(&mut self.out, out));
            self.spend(told.len())?;
        }
        Ok(told)
    }

    fn fate(&self, name: &str, members: &Members<'s, 'a>) -> Fate {
        let has_enum = || members.iter().any(|(other, _)| *other == "enum");
        match name {
            "$defs" | "definitions" => Fate::Leave,
            _ if self.subset.knows(name) => Fate::Keep,
            "const" if self.subset.knows("enum") && !has_enum() => Fate::Enum,
            _ if is_silent(name) => Fate::Leave,
            _ => Fate::Tell,
        }
    }

    fn value(&mut self, name: &str, node: &'s Node<'a>, depth: usize) -> Result<(), Fault> {
        match (holds(name), node) {
            (Holds::Schema, _) => self.schema(node, depth + 1),
            (Holds::Named, Node::Object(schemas)) => {
                self.spend(schemas.len())?;
                self.out.push('{');
                for (index, (name, schema)) in schemas.iter().enumerate() {
                    self.comma(index > 0);
                    push_text(&mut self.out, name);
                    self.out.push(':');
                    self.schema(schema, depth + 1)?;
                }
                self.out.push('}');
                Ok(())
            }
            _ => self.verbatim(node),
        }
    }

    /// Writes values as they were. Their depth was checked when they were read.
    fn verbatim(&mut self, node: &Node<'a>) -> Result<(), Fault> {
        self.spend(1)?;
        match node {
            Node::Leaf(text) => self.out.push_str(text),
            Node::List(values) => {
                self.out.push('[');
                for (index, value) in values.iter().enumerate() {
                    self.comma(index > 0);
                    self.verbatim(value)?;
                }
                self.out.push(']');
            }
            Node::Object(members) => {
                self.out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    self.comma(index > 0);
                    push_text(&mut self.out, name);
                    self.out.push(':');
                    self.verbatim(value)?;
                }
                self.out.push('}');
            }
        }
        Ok(())
    }

    fn comma(&mut self, wanted: bool) {
        if wanted {
            self.out.push(',');
        }
    }

    /// A schema's members with those of what it refers to, and of the only entry of an `allOf`, put
    /// among them.
    fn resolved(
        &mut self,
        members: &'s [Member<'a>],
        depth: usize,
    ) -> Result<Members<'s, 'a>, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        self.spend(members.len())?;
        let mut own: Members<'s, 'a> = Vec::with_capacity(members.len());
        let mut bases: Vec<&'s Node<'a>> = Vec::new();
        for (name, node) in members {
            match (name.as_ref(), node) {
                ("$ref", _) => bases.push(self.referred(node)?),
                ("$dynamicRef" | "$recursiveRef", _) => {
                    return Err(Fault::Recursion(format!(
                        "has a {name}, which cannot be resolved"
                    )));
                }
                ("allOf", Node::List(all)) if matches!(all.as_slice(), [Node::Object(_)]) => {
                    bases.extend(all);
                }
                _ => own.push((name, node)),
            }
        }
        for base in bases {
            match base {
                Node::Object(members) => {
                    let base = self.resolved(members, depth + 1)?;
                    own = self.merged(base, own)?;
                }
                // A schema that allows everything adds nothing.
                Node::Leaf("true") => {}
                _ => {
                    return Err(Fault::Other(
                        "refers to something that is no schema".to_owned(),
                    ));
                }
            }
        }
        Ok(own)
    }

    /// Both together. What is said of a thing where it is used counts more than where it is
    /// defined, but two constraints of one name cannot become one.
    fn merged(
        &mut self,
        mut base: Members<'s, 'a>,
        own: Members<'s, 'a>,
    ) -> Result<Members<'s, 'a>, Fault> {
        self.spend(base.len().saturating_mul(own.len()))?;
        for (name, node) in own {
            match base.iter_mut().find(|(other, _)| *other == name) {
                None => base.push((name, node)),
                Some((_, other)) if !constrains(name) || same(other, node) => *other = node,
                Some(_) => {
                    return Err(Fault::Other(format!(
                        "says {name} twice, beside a reference and where it leads to"
                    )));
                }
            }
        }
        Ok(base)
    }

    /// What a reference leads to; it is being inlined from here on.
    fn referred(&mut self, node: &Node<'a>) -> Result<&'s Node<'a>, Fault> {
        let Some(reference) = node.string() else {
            return Err(Fault::Other("has a $ref that is not a string".to_owned()));
        };
        let name: String = reference.chars().take(100).collect();
        if self.active.contains(&reference) {
            return Err(Fault::Recursion(format!(
                "is recursive: {name} holds itself"
            )));
        }
        if self.active.len() >= MAX_DEPTH {
            return Err(Fault::too_deep());
        }
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(Fault::Other(format!(
                "refers to {name}, which is outside of it"
            )));
        };
        if pointer.is_empty() {
            return Err(Fault::Recursion(format!(
                "is recursive: {name} holds itself"
            )));
        }
        let found = self.find(pointer)?;
        let found =
            found.ok_or_else(|| Fault::Other(format!("refers to {name}, which is not in it")))?;
        self.active.push(reference);
        Ok(found)
    }

    /// The place that a JSON pointer names (RFC 6901, as a URI's fragment).
    fn find(&mut self, pointer: &str) -> Result<Option<&'s Node<'a>>, Fault> {
        let Some(pointer) = pointer.strip_prefix('/') else {
            return Ok(None);
        };
        let mut place = self.root;
        for step in pointer.split('/') {
            let step = unescaped(step);
            let next = match place {
                Node::Object(members) => {
                    self.spend(members.len())?;
                    let found = members.iter().find(|(name, _)| *name == step);
                    found.map(|(_, node)| node)
                }
                Node::List(nodes) => step.parse().ok().and_then(|at: usize| nodes.get(at)),
                Node::Leaf(_) => None,
            };
            match next {
                Some(next) => place = next,
                None => return Ok(None),
            }
        }
        Ok(Some(place))
    }
}

fn same(one: &Node<'_>, other: &Node<'_>) -> bool {
    match (one, other) {
        (Node::Leaf(one), Node::Leaf(other)) => one == other,
        _ => std::ptr::eq(one, other),
    }
}

/// A step of a pointer without its two kinds of escapes.
pub(super) fn unescaped(step: &str) -> String {
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *byte == b'%' => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    let step = String::from_utf8_lossy(&bytes);
    step.replace("~1", "/").replace("~0", "~")
}
