//! The shared vocabulary of refusals: where in a body something is wrong, and what.
//!
//! Every provider reads its bodies with [`At`] and puts a [`Violation`] into its own
//! words and its own way of writing a path.

use serde_json::{Map, Value};

/// One step from a JSON value into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the body to one of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// `messages[0].role`, as OpenAI and Gemini write it.
    pub(crate) fn bracketed(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => text.push_str(&format!(".{key}")),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }

    /// `messages.0.role`, as Anthropic writes it.
    pub(crate) fn dotted(&self) -> String {
        let steps = self.0.iter().map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    }

    /// The last key of the path.
    pub(crate) fn last_key(&self) -> &str {
        let mut keys = self.0.iter().rev();
        keys.find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .unwrap_or("body")
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// A JSON type that a provider expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Text,
    Integer,
    Number,
    Boolean,
    List,
    Object,
    TextOrList,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    Missing,
    WrongType {
        expected: Expected,
        got: &'static str,
    },
    NotOneOf {
        got: String,
        allowed: Vec<&'static str>,
    },
    BelowMinimum {
        minimum: String,
        got: String,
        integer: bool,
    },
    AboveMaximum {
        maximum: String,
        got: String,
        integer: bool,
    },
    Unknown,
    EmptyList,
    EmptyText,
    TooManyItems {
        most: usize,
        got: usize,
    },
    /// The model does not take this parameter at all.
    Unsupported {
        instead: Option<&'static str>,
    },
    /// The model does not take this value.
    UnsupportedValue {
        got: String,
        advice: &'static str,
    },
    /// A rule of the provider, in the provider's own sentence.
    Rule {
        message: String,
        code: Option<&'static str>,
    },
}

/// A request that the provider refuses, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    pub(crate) path: Path,
    pub(crate) problem: Problem,
}

/// A value of the body together with its place.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: Path,
}

/// The usual result of reading a part of a body.
pub(crate) type Checked<T> = Result<T, Violation>;

impl<'a> At<'a> {
    /// The body itself.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: Path::default(),
        }
    }

    /// A violation at this place.
    pub(crate) fn violates(&self, problem: Problem) -> Violation {
        Violation {
            path: self.path.clone(),
            problem,
        }
    }

    /// A violation of one of the provider's own rules.
    pub(crate) fn breaks(&self, message: impl Into<String>) -> Violation {
        self.violates(Problem::Rule {
            message: message.into(),
            code: None,
        })
    }

    /// The value under a key; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self {
            value,
            path: self.path.then(Step::Key(key.to_owned())),
        })
    }

    /// Like [`At::get`] under the first of several spellings that is there.
    pub(crate) fn get_any(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The value under a key that must be there.
    pub(crate) fn need(&self, key: &str) -> Checked<Self> {
        self.object()?;
        self.get(key).ok_or_else(|| Violation {
            path: self.path.then(Step::Key(key.to_owned())),
            problem: Problem::Missing,
        })
    }

    fn wrong(&self, expected: Expected) -> Violation {
        self.violates(Problem::WrongType {
            expected,
            got: kind(self.value),
        })
    }

    pub(crate) fn object(&self) -> Checked<&'a Map<String, Value>> {
        self.value
            .as_object()
            .ok_or_else(|| self.wrong(Expected::Object))
    }

    pub(crate) fn text(&self) -> Checked<&'a str> {
        self.value
            .as_str()
            .ok_or_else(|| self.wrong(Expected::Text))
    }

    /// A text with at least one character.
    pub(crate) fn full_text(&self) -> Checked<&'a str> {
        match self.text()? {
            "" => Err(self.violates(Problem::EmptyText)),
            text => Ok(text),
        }
    }

    pub(crate) fn boolean(&self) -> Checked<bool> {
        self.value
            .as_bool()
            .ok_or_else(|| self.wrong(Expected::Boolean))
    }

    pub(crate) fn items(&self) -> Checked<Vec<Self>> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.wrong(Expected::List))?;
        let at = |(index, value)| Self {
            value,
            path: self.path.then(Step::Index(index)),
        };
        Ok(items.iter().enumerate().map(at).collect())
    }

    /// A list, or a single item that stands for a list of one, as protobuf's JSON allows.
    pub(crate) fn items_or_one(&self) -> Checked<Vec<Self>> {
        if self.value.is_object() {
            Ok(vec![self.clone()])
        } else {
            self.items()
        }
    }

    /// A list with at least one item.
    pub(crate) fn full_items(&self) -> Checked<Vec<Self>> {
        let items = self.items()?;
        if items.is_empty() {
            Err(self.violates(Problem::EmptyList))
        } else {
            Ok(items)
        }
    }

    /// A text out of a closed set.
    pub(crate) fn one_of(&self, allowed: &[&'static str]) -> Checked<&'a str> {
        let text = self.text()?;
        if allowed.contains(&text) {
            return Ok(text);
        }
        Err(self.violates(Problem::NotOneOf {
            got: text.to_owned(),
            allowed: allowed.to_vec(),
        }))
    }

    /// An integer of at least `minimum`.
    pub(crate) fn integer(&self, minimum: i64) -> Checked<i64> {
        let number = self
            .value
            .as_i64()
            .ok_or_else(|| self.wrong(Expected::Integer))?;
        if number < minimum {
            let (minimum, got) = (minimum.to_string(), number.to_string());
            return Err(self.violates(Problem::BelowMinimum {
                minimum,
                got,
                integer: true,
            }));
        }
        Ok(number)
    }

    /// An integer within bounds.
    pub(crate) fn integer_in(&self, minimum: i64, maximum: i64) -> Checked<i64> {
        let number = self.integer(minimum)?;
        if number > maximum {
            let (maximum, got) = (maximum.to_string(), number.to_string());
            return Err(self.violates(Problem::AboveMaximum {
                maximum,
                got,
                integer: true,
            }));
        }
        Ok(number)
    }

    /// A number within bounds, both included.
    pub(crate) fn number_in(&self, minimum: f64, maximum: f64) -> Checked<f64> {
        let number = self
            .value
            .as_f64()
            .ok_or_else(|| self.wrong(Expected::Number))?;
        let got = self.value.to_string();
        if number < minimum {
            let minimum = minimum.to_string();
            return Err(self.violates(Problem::BelowMinimum {
                minimum,
                got,
                integer: false,
            }));
        }
        if number > maximum {
            let maximum = maximum.to_string();
            return Err(self.violates(Problem::AboveMaximum {
                maximum,
                got,
                integer: false,
            }));
        }
        Ok(number)
    }

    /// Refuses keys that the provider does not know.
    pub(crate) fn only(&self, known: &[&str]) -> Checked<()> {
        match self
            .object()?
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(key) => Err(Violation {
                path: self.path.then(Step::Key(key.clone())),
                problem: Problem::Unknown,
            }),
        }
    }
}

/// The name of a value's JSON type.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "decimal",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A count that a checked integer of at least zero stands for.
pub(crate) fn tokens_of(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{At, Problem};
    use serde_json::json;

    #[test]
    fn a_violation_knows_its_place() {
        let body = json!({"messages": [{"role": "user"}, {"role": "boss"}], "n": 3, "x": null});
        let root = At::root(&body);
        let messages = root.need("messages").unwrap().full_items().unwrap();
        let role = messages[1].need("role").unwrap();
        let violation = role.one_of(&["user"]).unwrap_err();
        assert_eq!(violation.path.bracketed(), "messages[1].role");
        assert_eq!(violation.path.dotted(), "messages.1.role");
        assert!(matches!(violation.problem, Problem::NotOneOf { .. }));
        assert_eq!(
            messages[0].need("content").unwrap_err().problem,
            Problem::Missing
        );
        assert_eq!(root.need("x").unwrap_err().problem, Problem::Missing);
        assert!(root.need("n").unwrap().integer_in(0, 2).is_err());
        assert_eq!(
            root.only(&["messages", "n"]).unwrap_err().path.last_key(),
            "x"
        );
    }
}
