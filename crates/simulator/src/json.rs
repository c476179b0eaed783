//! JSON with its keys in the order in which they were written.
//!
//! Providers write `type` or `id` first and clients of the real thing see it so;
//! `serde_json::Value` would sort the keys.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A JSON value whose objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Leaf(Value),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Builds an object: `object! { "id" => id, "choices" => list }`.
macro_rules! object {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::json::Node::Object(vec![
            $((String::from($key), $crate::json::Node::from($value))),*
        ])
    };
}
pub(crate) use object;

impl Node {
    pub(crate) const NULL: Self = Self::Leaf(Value::Null);

    /// The object with one more key at its end. Anything else stays as it is.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Self>) -> Self {
        if let Self::Object(entries) = &mut self {
            entries.push((key.to_owned(), value.into()));
        }
        self
    }

    /// Like [`Node::with`], and nothing where there is no value.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The JSON text on one line.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The JSON text indented by two, as OpenAI and Gemini write unary answers.
    pub(crate) fn to_pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

macro_rules! leaf {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Node {
            fn from(value: $kind) -> Self {
                Self::Leaf(Value::from(value))
            }
        })*
    };
}
leaf!(bool, u16, u32, u64, i64, usize, f64, &str, String);

impl From<&String> for Node {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::Leaf(value)
    }
}

impl From<Vec<Self>> for Node {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl<T: Into<Self>> From<Option<T>> for Node {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NULL, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::Node;

    #[test]
    fn keys_keep_their_order() {
        let node = object! { "z" => 1u64, "a" => object! { "y" => Node::NULL, "b" => "t" } };
        assert_eq!(node.to_text(), r#"{"z":1,"a":{"y":null,"b":"t"}}"#);
    }

    #[test]
    fn absent_values_leave_no_key() {
        let node = object! { "a" => 1u64 }
            .with_some("b", None::<u64>)
            .with_some("c", Some(2u64));
        assert_eq!(node.to_text(), r#"{"a":1,"c":2}"#);
    }
}
