//! The list of models.

use bytes::Bytes;
use serde::Serialize;

/// The answer to `GET /v1/models`: pairs of id and owner, `created` in seconds since 1970.
#[must_use]
pub fn models_body<'a>(models: impl Iterator<Item = (&'a str, &'a str)>, created: i64) -> Bytes {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Model<'a>>,
    }
    let data = models
        .map(|(id, owned_by)| Model::new(id, owned_by, created))
        .collect();
    let list = List {
        object: "list",
        data,
    };
    // Strings and numbers always serialise.
    Bytes::from(serde_json::to_vec(&list).unwrap_or_default())
}

/// The answer to `GET /v1/models/{id}`.
#[must_use]
pub fn model_body(id: &str, owned_by: &str, created: i64) -> Bytes {
    let model = Model::new(id, owned_by, created);
    Bytes::from(serde_json::to_vec(&model).unwrap_or_default())
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

impl<'a> Model<'a> {
    fn new(id: &'a str, owned_by: &'a str, created: i64) -> Self {
        Self {
            id,
            object: "model",
            created,
            owned_by,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn models_are_listed() {
        let body = super::models_body([("auto", "steelyard")].into_iter(), 7);
        let expected = "{\"object\":\"list\",\"data\":[{\"id\":\"auto\",\"object\":\"model\",\
                        \"created\":7,\"owned_by\":\"steelyard\"}]}";
        assert_eq!(body, expected);
    }
}
