//! Names of tools, of which providers take fewer than their clients' dialects do.

use steelyard_types::{ChatRequest, Dialect, Target, Tool, ToolKind, UnknownFields, WireProfile};

use super::refuse;
use crate::openai::takes_extensions;
use crate::{Refusal, shared};

/// What a provider takes as the name of a tool: ASCII letters, digits, `_`, `-` and what else is said
/// here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// Most characters.
    most: usize,
    /// Further characters.
    more: &'static str,
    /// Whether the first one is a letter or `_`.
    begins_with_letter: bool,
}

impl Names {
    /// OpenAI's chat completions, and those who copied the rule: Mistral and DeepSeek answer 400 with
    /// it, DashScope with "The length of the tool name cannot exceed 64".
    pub(crate) const USUAL: Self = Self {
        most: 64,
        more: "",
        begins_with_letter: false,
    };

    /// Anthropic and OpenAI's Responses: `^[a-zA-Z0-9_-]{1,128}$`.
    pub(crate) const LONG: Self = Self {
        most: 128,
        ..Self::USUAL
    };

    /// Gemini. Vertex's reference says 128; the Gemini API answers 400 with "a maximum length of 64".
    pub(crate) const GEMINI: Self = Self {
        most: 64,
        more: ".:",
        begins_with_letter: true,
    };

    /// Those of a server of OpenAI's format; `None` where nothing is known: servers that run models of
    /// anybody's (vLLM, Ollama) put names into the prompt as they are.
    pub(crate) fn of(profile: &WireProfile) -> Option<Self> {
        let plain = WireProfile::COMPATIBLE.reasoning;
        let is_anybodys = takes_extensions(profile) && profile.reasoning == plain;
        let is_strict = profile.unknown_fields == UnknownFields::Refuse;
        (is_strict || !is_anybodys).then_some(Self::USUAL)
    }

    /// What is the matter with a name, if anything is.
    fn fault(self, name: &str) -> Option<String> {
        let length = name.chars().count();
        if length > self.most {
            let most = self.most;
            return Some(format!("is {length} characters long, more than {most},"));
        }
        let takes =
            |c: char| c.is_ascii_alphanumeric() || "_-".contains(c) || self.more.contains(c);
        if name.is_empty() {
            Some("is empty,".to_owned())
        } else if !name.chars().all(takes) {
            let more: String = self.more.chars().flat_map(|c| [' ', c, ',']).collect();
            Some(format!(
                "holds other characters than letters, digits,{more} _ and -,"
            ))
        } else if self.begins_with_letter
            && !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            Some("begins with neither a letter nor _,".to_owned())
        } else {
            None
        }
    }
}

/// Refuses a tool whose name the provider would answer with 400, so that another one can be tried.
/// Tools that may not be called this time count where they are sent.
pub(crate) fn check(
    request: &ChatRequest<'_>,
    target: &Target,
    names: Option<Names>,
    sends_withheld: bool,
) -> Result<(), Refusal> {
    let Some(names) = names else {
        return Ok(());
    };
    let is_withheld = |place: usize| request.withheld_tools.iter().any(|(at, _)| *at == place);
    for (place, tool) in shared::all_tools(request).into_iter().enumerate() {
        let Some(fault) = names.fault(&tool.name) else {
            continue;
        };
        if sends_withheld || !is_withheld(place) {
            let reason = format!("{fault} which {} does not take", target.upstream);
            return Err(refuse(path(request, place, tool), reason));
        }
    }
    Ok(())
}

/// Where the client wrote the name.
fn path(request: &ChatRequest<'_>, place: usize, tool: &Tool<'_>) -> String {
    match (request.dialect, tool.kind) {
        (Dialect::OpenAiChat, _) if request.has_functions() => format!("functions[{place}].name"),
        (Dialect::OpenAiChat, ToolKind::Function) => format!("tools[{place}].function.name"),
        (Dialect::OpenAiChat, ToolKind::Custom) => format!("tools[{place}].custom.name"),
        _ => format!("tools[{place}].name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_who_takes_them() {
        let long = "n".repeat(75);
        let longer = "n".repeat(129);
        let plain = [Names::USUAL, Names::LONG, Names::GEMINI];
        for (name, fits) in [
            ("now", [true, true, true]),
            ("_a-b_C9", [true, true, true]),
            ("9a", [true, true, false]),
            ("-a", [true, true, false]),
            ("a.b:c", [false, false, true]),
            ("a b", [false, false, false]),
            ("ä", [false, false, false]),
            ("", [false, false, false]),
            (&"n".repeat(64), [true, true, true]),
            (&long, [false, true, false]),
            (&longer, [false, false, false]),
        ] {
            let found = plain.map(|names| names.fault(name).is_none());
            assert_eq!(found, fits, "{name}");
        }
        let reason = Names::GEMINI.fault("a b").unwrap();
        assert_eq!(
            reason,
            "holds other characters than letters, digits, ., :, _ and -,"
        );
        let reason = Names::USUAL.fault(&long).unwrap();
        assert_eq!(reason, "is 75 characters long, more than 64,");
    }

    #[test]
    fn servers_of_anybodys_models_take_any_name() {
        for (profile, names) in [
            (WireProfile::OPENAI, Some(Names::USUAL)),
            (WireProfile::MISTRAL, Some(Names::USUAL)),
            (WireProfile::DEEPSEEK, Some(Names::USUAL)),
            (WireProfile::DASHSCOPE, Some(Names::USUAL)),
            (WireProfile::COMPATIBLE, None),
        ] {
            assert_eq!(Names::of(&profile), names, "{profile:?}");
        }
    }
}
