use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::{Entry, Node, Span, Value};

/// Most bytes of one file.
const MAX_BYTES: usize = 1 << 20;
/// Most levels of nesting.
const MAX_DEPTH: usize = 32;
/// Most values of one file, those behind aliases counted as often as they appear.
const MAX_NODES: usize = 100_000;

/// What is wrong with a text as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Reads one document. Errors that leave the structure intact (a duplicate key) are collected;
/// after one that does not, there is no tree.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<YamlError>) {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {MAX_BYTES} bytes");
        return (
            None,
            vec![YamlError::new(
                Span {
                    line: 1,
                    column: 1,
                    len: 1,
                },
                message,
            )],
        );
    }
    let mut builder = Builder::default();
    match builder.read(text) {
        Ok(root) => (root, builder.errors),
        Err(error) => {
            builder.errors.push(error);
            (None, builder.errors)
        }
    }
}

impl YamlError {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A list or mapping whose end has not been seen.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Vec<Entry>,
    /// Where each key is in `entries`, and whether it came by merging.
    places: HashMap<String, (usize, bool)>,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    errors: Vec<YamlError>,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<Option<Node>, YamlError> {
        let options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, place) = next.map_err(|error| syntax_error(&error))?;
            let span = span_of(&place);
            self.event(event, span)?;
        }
        Ok(self.root.take())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(YamlError::new(span, "a second document in the same file")
                        .help("remove the line `---` and what follows it"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let value = match &*text {
                    "" | "~" | "null" if plain => Value::Null,
                    _ => Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                };
                self.add(Node { span, value }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.open(span, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.open(span, anchor, Content::Map(Mapping::default()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(id) => self.alias(id, span)?,
            _ => {}
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.errors
                .push(YamlError::new(span, "tags (`!...`) have no meaning here"));
        }
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), YamlError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        if self.expects_key() {
            return Err(YamlError::new(span, "a key must be a plain text"));
        }
        self.stack.push(Open {
            span: Span { len: 1, ..span },
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        let Some(Open {
            span,
            anchor,
            content,
        }) = self.stack.pop()
        else {
            return Ok(());
        };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map(mapping) => Value::Map(mapping.entries),
        };
        self.add(Node { span, value }, anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), YamlError> {
        let Some(target) = self.anchors.get(&id) else {
            return Err(YamlError::new(
                span,
                "the alias refers to a value that contains it",
            ));
        };
        let (nodes, depth) = target.measure();
        if self.stack.len() + depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        if self.nodes + nodes > MAX_NODES {
            return Err(too_many(span));
        }
        self.nodes += nodes;
        let target = target.clone();
        self.add(target, 0)
    }

    /// Puts a whole value where the text has it: as a key, after a key, in a list, or as the root.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.span));
        }
        if anchor != 0 {
            self.anchor(anchor, &node)?;
        }
        let Some(open) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map(mapping) => match mapping.key.take() {
                None => mapping.key = Some(as_key(node)?),
                Some((name, span)) if name == "<<" => {
                    if let Err(error) = mapping.merge(node, &mut self.nodes) {
                        self.errors.push(YamlError { span, ..error });
                    }
                }
                Some((name, span)) => {
                    if let Err(error) = mapping.insert(name, span, node) {
                        self.errors.push(error);
                    }
                }
            },
        }
        if self.nodes > MAX_NODES {
            return Err(too_many(
                self.stack
                    .last()
                    .map_or_else(Span::default, |open| open.span),
            ));
        }
        Ok(())
    }

    /// Keeps a copy for aliases; copies count as nodes, so nested anchors stay bounded too.
    fn anchor(&mut self, anchor: usize, node: &Node) -> Result<(), YamlError> {
        let (nodes, _) = node.measure();
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.span));
        }
        self.anchors.insert(anchor, node.clone());
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Open {
                content: Content::Map(Mapping { key: None, .. }),
                ..
            })
        )
    }
}

impl Mapping {
    /// Adds an entry that is written out; it goes before a merged one of the same key.
    fn insert(&mut self, key: String, key_span: Span, value: Node) -> Result<(), YamlError> {
        let entry = Entry {
            key,
            key_span,
            value,
        };
        match self.places.get_mut(&entry.key) {
            Some((place, merged)) if *merged => {
                *merged = false;
                self.entries[*place] = entry;
            }
            Some((place, _)) => {
                let line = self.entries[*place].key_span.line;
                return Err(
                    YamlError::new(key_span, format!("duplicate key `{}`", entry.key))
                        .help(format!("it was given on line {line} already")),
                );
            }
            None => {
                self.places
                    .insert(entry.key.clone(), (self.entries.len(), false));
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    /// Takes over the entries of a mapping, or of a list of mappings, that are not there yet.
    fn merge(&mut self, node: Node, nodes: &mut usize) -> Result<(), YamlError> {
        let not_a_mapping = || {
            YamlError::new(
                Span::default(),
                "`<<` merges a mapping or a list of mappings",
            )
        };
        let sources = match node.value {
            Value::Map(_) => vec![node],
            Value::List(items) => items,
            Value::Null | Value::Scalar { .. } => return Err(not_a_mapping()),
        };
        for source in sources {
            let Value::Map(merged) = source.value else {
                return Err(not_a_mapping());
            };
            for entry in merged {
                *nodes += 1;
                if !self.places.contains_key(&entry.key) {
                    self.places
                        .insert(entry.key.clone(), (self.entries.len(), true));
                    self.entries.push(entry);
                }
            }
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<(String, Span), YamlError> {
    match node.value {
        Value::Scalar { text, .. } => Ok((text, node.span)),
        Value::Null => Err(YamlError::new(
            node.span,
            "a key is missing before the colon",
        )),
        Value::List(_) | Value::Map(_) => {
            Err(YamlError::new(node.span, "a key must be a plain text"))
        }
    }
}

fn too_deep(span: Span) -> YamlError {
    YamlError::new(span, format!("nested deeper than {MAX_DEPTH} levels"))
}

fn too_many(span: Span) -> YamlError {
    YamlError::new(
        span,
        format!("more than {MAX_NODES} values, those behind aliases included"),
    )
}

fn syntax_error(error: &granit_parser::ScanError) -> YamlError {
    let marker = error.marker();
    let span = Span {
        line: count(marker.line()),
        column: count(marker.col() + 1),
        len: 1,
    };
    YamlError::new(span, format!("not valid YAML: {}", error.info()))
}

fn span_of(place: &granit_parser::Span) -> Span {
    let (start, end) = (place.start, place.end);
    let len = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        1
    };
    Span {
        line: count(start.line()),
        column: count(start.col() + 1),
        len: count(len.max(1)),
    }
}

/// Lines and columns fit, because files are smaller than [`MAX_BYTES`].
fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
