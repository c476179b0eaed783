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
    #[derive(Serialize)]
    struct Model<'a> {
        id: &'a str,
        object: &'static str,
        created: i64,
        owned_by: &'a str,
    }
    let model = |(id, owned_by)| Model {
        id,
        object: "model",
        created,
        owned_by,
    };
    let list = List {
        object: "list",
        data: models.map(model).collect(),
    };
    // Strings and numbers always serialise.
    Bytes::from(serde_json::to_vec(&list).unwrap_or_default())
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
