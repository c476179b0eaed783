use super::*;
use crate::completions::as_chat;

fn refused(extra: &str) -> RequestError {
    let body = format!(r#"{{"model":"m",{extra}}}"#);
    let read = parse_completion_request(body.as_bytes());
    read.map(|_| ()).expect_err(extra)
}

#[test]
fn a_prompt_is_one_user_message() {
    for prompt in [r#""Say \"hi\"""#, r#"["Say \"hi\""]"#] {
        let body = format!(r#"{{"model":"m","prompt":{prompt},"stop":"\n","seed":0}}"#);
        let request = parse_completion_request(body.as_bytes()).expect(prompt);
        assert_eq!(request.messages.len(), 1);
        let texts: Vec<&str> = request.messages[0].texts().collect();
        assert_eq!(texts, ["Say \"hi\""]);
        assert_eq!(request.max_output_tokens, Some(16), "the dialect's default");
        assert_eq!(request.seed.map(|seed| seed.0), Some("0"));
    }
}

#[test]
fn what_chat_models_cannot_do_is_refused_by_name() {
    for (extra, param) in [
        (r#""prompt":[1,2]"#, "prompt"),
        (r#""prompt":[[1],[2]]"#, "prompt"),
        (r#""prompt":["a","b"]"#, "prompt"),
        (r#""prompt":"a","suffix":"b""#, "suffix"),
        (r#""prompt":"a","echo":true"#, "echo"),
        (r#""prompt":"a","best_of":2"#, "best_of"),
        (r#""prompt":"a","logprobs":0"#, "logprobs"),
    ] {
        let error = refused(extra);
        assert_eq!(error.param.as_deref(), Some(param), "{extra}");
        assert_eq!(error.code, Some("unsupported_parameter"), "{extra}");
    }
    for (extra, param) in [
        (r#""max_tokens":1"#, "prompt"),
        (r#""prompt":"""#, "prompt"),
        (r#""prompt":[]"#, "prompt"),
        (r#""prompt":7"#, "prompt"),
        (r#""prompt":"a","stream":1"#, "stream"),
        (r#""prompt":"a","stream_options":{}"#, "stream_options"),
    ] {
        assert_eq!(refused(extra).param.as_deref(), Some(param), "{extra}");
    }
    let nothing = br#"{"model":"m","prompt":"a","suffix":null,"echo":false,"best_of":1,"n":2}"#;
    let request = parse_completion_request(nothing).expect("a request");
    assert_eq!(request.n, Some(2));
}

#[test]
fn unknown_fields_reach_a_provider_of_the_same_format() {
    let body = br#"{"model":"m","prompt":["a\n"],"echo":false,"max_tokens":null,
        "logit_bias":{"1":2},"acme":{"x":1},"temperature":0.70}"#;
    let request = parse_completion_request(body).expect("a request");
    let names: Vec<&str> = request.untranslated.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, ["logit_bias", "acme"]);
    let written = as_chat(&request, |chat| {
        let fields = chat.fields.iter();
        Ok(fields
            .map(|field| format!("{}={}", field.name, field.value.get()))
            .collect::<Vec<_>>()
            .join(" "))
    });
    assert_eq!(
        written.expect("a chat request"),
        "model=\"m\" logit_bias={\"1\":2} acme={\"x\":1} temperature=0.70 max_tokens=16 \
         messages=[{\"role\":\"user\",\"content\":\"a\\n\"}]"
    );
}
