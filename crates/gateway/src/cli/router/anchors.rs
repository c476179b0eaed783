//! Prompts whose difficulty was judged by hand, as JSON lines.
//!
//! A line is a prompt (`prompt`, `level`, `tokens`), a material that instructions speak of
//! (`material`, `text`), or an instruction about one: a prompt with `with`, the name of a material,
//! or `*` for prompts of the data. It stands before that, or after it (`after`). Without `tokens` a
//! good answer is as long as what it speaks of.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use steelyard_router::estimate_tokens;
use steelyard_router::train::{ANCHORS, About, Anchor};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Material {
        material: String,
        text: String,
        #[serde(rename = "lang")]
        _language: Option<String>,
    },
    Judged {
        prompt: String,
        level: u8,
        tokens: Option<u32>,
        with: Option<String>,
        #[serde(default)]
        after: bool,
        #[serde(rename = "lang")]
        _language: Option<String>,
    },
}

/// The anchors of a file, or those that ship.
pub(super) fn anchors(path: Option<&Path>) -> anyhow::Result<Vec<Anchor>> {
    match path {
        None => read(ANCHORS),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            read(&text).with_context(|| format!("{} holds no anchors", path.display()))
        }
    }
}

fn read(text: &str) -> anyhow::Result<Vec<Anchor>> {
    let mut materials = HashMap::new();
    let mut anchors = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines();
    for (index, line) in lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let number = index + 1;
        let line = serde_json::from_str(line)
            .with_context(|| format!("line {number} is neither a judged prompt nor a material"))?;
        match line {
            Line::Material { material, text, .. } => {
                materials.insert(material, text);
            }
            judged => {
                let anchor = anchor(judged, &materials);
                anchors.push(anchor.with_context(|| format!("line {number}"))?);
            }
        }
    }
    ensure!(!anchors.is_empty(), "there is no judged prompt");
    Ok(anchors)
}

/// A judged prompt, with the material that it speaks of.
fn anchor(line: Line, materials: &HashMap<String, String>) -> anyhow::Result<Anchor> {
    let Line::Judged {
        prompt,
        level,
        tokens,
        with,
        after,
        ..
    } = line
    else {
        bail!("a material is no prompt");
    };
    ensure!((1..=5).contains(&level), "a `level` is from 1 to 5");
    let whole = |text, output_tokens| Anchor {
        text,
        level,
        output_tokens: Some(output_tokens),
        about: About::Itself,
    };
    match with.as_deref() {
        None => Ok(whole(prompt, tokens.context("`tokens` is missing")?)),
        Some("*") => Ok(Anchor {
            text: prompt,
            level,
            output_tokens: tokens,
            about: About::Anything { after },
        }),
        Some(name) => {
            let material = materials
                .get(name)
                .with_context(|| format!("there is no material {name:?} on a line before"))?;
            let (before, behind) = if after {
                (material, &prompt)
            } else {
                (&prompt, material)
            };
            let as_long = || u32::try_from(estimate_tokens(material)).unwrap_or(u32::MAX);
            Ok(whole(
                format!("{before}\n\n{behind}"),
                tokens.unwrap_or_else(as_long),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchors_that_ship_are_read() {
        let anchors = anchors(None).unwrap();
        let about = |wanted: fn(&Anchor) -> bool| anchors.iter().filter(|one| wanted(one)).count();
        assert!(about(|one| one.about == About::Itself) > 700);
        assert!(about(|one| one.about != About::Itself) > 30);
    }

    #[test]
    fn an_instruction_stands_before_or_after_its_material() {
        let material = r#"{"material":"m","text":"A page of text."}"#;
        let of = |line: &str| read(&format!("{material}\n\n{line}"));
        let before = of(r#"{"lang":"en","level":1,"prompt":"Copy:","with":"m"}"#).unwrap();
        assert_eq!(before[0].text, "Copy:\n\nA page of text.");
        assert_eq!(
            before[0].output_tokens,
            Some(u32::try_from(estimate_tokens("A page of text.")).unwrap())
        );
        let after =
            of(r#"{"level":1,"tokens":3,"prompt":"Count.","with":"m","after":true}"#).unwrap();
        assert_eq!(
            (after[0].text.as_str(), after[0].output_tokens),
            ("A page of text.\n\nCount.", Some(3))
        );
        let any = of(r#"{"level":2,"prompt":"Translate:","with":"*"}"#).unwrap();
        assert_eq!(
            (any[0].about, any[0].output_tokens),
            (About::Anything { after: false }, None)
        );
        for (line, why) in [
            (
                r#"{"level":1,"prompt":"a","with":"n"}"#,
                "line 3: there is no material \"n\"",
            ),
            (r#"{"level":1,"prompt":"a"}"#, "line 3: `tokens` is missing"),
            (
                r#"{"level":6,"tokens":1,"prompt":"a"}"#,
                "line 3: a `level` is from 1 to 5",
            ),
            (r#"{"level":1,"tokens":1}"#, "line 3 is neither"),
        ] {
            let error = format!("{:#}", of(line).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
