//! The list of models, as `GET /v1/models` gives it to clients that send `anthropic-version`.

use bytes::Bytes;

use crate::json::Object;

/// All models, on one page: ids, and when they began, in seconds since 1970.
#[must_use]
pub(super) fn models_body<'a>(models: impl Iterator<Item = &'a str>, created: i64) -> Bytes {
    let created = rfc3339(created);
    let mut data = String::from("[");
    let (mut first, mut last) = (None, None);
    for id in models {
        if first.is_some() {
            data.push(',');
        }
        first = first.or(Some(id));
        last = Some(id);
        data.push_str(&model(id, &created));
    }
    data.push(']');
    let mut list = Object::with_capacity(data.len() + 96);
    list.raw("data", &data);
    list.raw("has_more", "false");
    for (name, id) in [("first_id", first), ("last_id", last)] {
        match id {
            Some(id) => list.text(name, id),
            None => list.raw(name, "null"),
        }
    }
    Bytes::from(list.close())
}

/// One of them.
#[must_use]
pub(super) fn model_body(id: &str, created: i64) -> Bytes {
    Bytes::from(model(id, &rfc3339(created)))
}

fn model(id: &str, created: &str) -> String {
    let mut model = Object::with_capacity(128);
    model.text("type", "model");
    model.text("id", id);
    model.text("display_name", id);
    model.text("created_at", created);
    model.text("lifecycle", "active");
    model.close()
}

/// A moment in seconds since 1970 as RFC 3339 in UTC. Days to dates after Howard Hinnant's
/// `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>.
fn rfc3339(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn models_are_listed() {
        let body = models_body(["auto", "cheap"].into_iter(), 1_782_444_097);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["first_id"], "auto");
        assert_eq!(body["last_id"], "cheap");
        assert_eq!(body["has_more"], false);
        let first = json!({
            "type": "model", "id": "auto", "display_name": "auto", "lifecycle": "active",
            "created_at": "2026-06-26T03:21:37Z",
        });
        assert_eq!(body["data"][0], first);
        assert_eq!(body["data"].as_array().unwrap().len(), 2);
        let empty: Value = serde_json::from_slice(&models_body([].into_iter(), 0)).unwrap();
        assert_eq!(empty["first_id"], Value::Null);
    }

    #[test]
    fn moments_are_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
