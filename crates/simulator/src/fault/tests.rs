use super::{Fault, FaultRule, StatusFault, Subject, marked, parse, take};

const SUBJECT: Subject<'_> = Subject {
    providers: &["compatible"],
    model: "gpt-oss:120b",
    last_user: "please say hello",
};

#[test]
fn markers_name_whom_they_mean() {
    let close = Some(Fault::CloseBeforeHead);
    assert_eq!(marked("x [[fault:*:close]]", &SUBJECT), close);
    assert_eq!(marked("[[fault:gpt-oss:120b:close]]", &SUBJECT), close);
    assert_eq!(
        marked(
            "[[fault:openai:never]] [[fault:compatible:close]]",
            &SUBJECT
        ),
        close
    );
    assert_eq!(marked("[[fault:openai:close]]", &SUBJECT), None);
    assert_eq!(
        marked("[[fault:*:nonsense]] [[fault:*]] [[fault:", &SUBJECT),
        None
    );
}

#[test]
fn the_short_form_reads_every_fault() {
    let status = StatusFault {
        status: 429,
        retry_after_seconds: Some(2),
        code: Some("insufficient_quota".to_owned()),
        ..StatusFault::default()
    };
    let text = "status=429,retry_after=2,code=insufficient_quota";
    assert_eq!(parse(text), Some(Fault::Status(status)));
    assert!(matches!(parse("502,html"), Some(Fault::Status(s)) if s.html && s.status == 502));
    assert_eq!(parse("delay=5"), Some(Fault::Delay { ms: 5 }));
    assert_eq!(parse("cut=9"), Some(Fault::CutAfterBytes { n: 9 }));
    assert_eq!(parse("malformed"), Some(Fault::MalformedEvent { after: 0 }));
    assert_eq!(parse("error_event=2"), Some(Fault::ErrorEvent { after: 2 }));
    for bad in [
        "",
        "200",
        "999",
        "delay",
        "delay=x",
        "429,colour=red",
        "cut=-1",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn the_first_matching_rule_counts_down() {
    let mut rules = vec![
        FaultRule {
            model: Some("other".into()),
            ..FaultRule::always(Fault::NeverAnswers)
        },
        FaultRule {
            contains: Some("hello".into()),
            times: Some(1),
            ..FaultRule::always(Fault::EmptyAnswer)
        },
        FaultRule::always(Fault::CloseBeforeHead),
    ];
    assert_eq!(take(&mut rules, &SUBJECT), Some(Fault::EmptyAnswer));
    assert_eq!(take(&mut rules, &SUBJECT), Some(Fault::CloseBeforeHead));
}

#[test]
fn rules_are_json() {
    let text = r#"{"provider":"openai","times":2,
        "fault":{"kind":"status","status":429,"retry_after_seconds":1}}"#;
    let rule: FaultRule = serde_json::from_str(text).unwrap();
    assert_eq!(rule.times, Some(2));
    let again: FaultRule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
    assert_eq!(again, rule);
    assert!(serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"melt"}}"#).is_err());
    assert!(serde_json::from_str::<FaultRule>(r#"{"falt":{"kind":"never_answers"}}"#).is_err());
}
