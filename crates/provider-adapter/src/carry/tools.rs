//! Tools, and how the model may choose among them.

use steelyard_types::{ChatRequest, Dialect, Target, ToolChoice};

use super::{Words, named, refuse};
use crate::{Losses, Refusal};

pub(super) fn check_tools(
    request: &ChatRequest<'_>,
    target: &Target,
    words: &Words,
    lossy: &mut Losses,
) -> Result<(), Refusal> {
    if request.tools.is_empty() {
        return if asks_for_a_call(request) {
            let reason = "asks for a call, but there are no tools";
            Err(refuse(choice_field(request), reason))
        } else {
            Ok(())
        };
    }
    check_forced_choice(request, target)?;
    check_chosen(request)?;
    lossy.add_if(
        tools_word(request, "tools.strict", "functions.strict"),
        !words.strict_tools && request.tools.iter().any(|tool| tool.strict == Some(true)),
    );
    let may_call = request.tool_choice != Some(ToolChoice::None);
    let is_wished = request.parallel_tool_calls == Some(false) && !is_functions_own(request);
    if may_call && is_wished && !words.parallel_tool_calls {
        let field = named(
            request,
            "parallel_tool_calls",
            "tool_choice.disable_parallel_tool_use",
        );
        lossy.add(field);
    }
    Ok(())
}

/// Whether one call at a time is what the deprecated `functions` mean, and not what the client asked
/// for: further calls are told, and come back, wherever they are made.
fn is_functions_own(request: &ChatRequest<'_>) -> bool {
    let given = |name: &str| {
        let mut fields = request.fields.iter();
        fields.any(|field| field.name == name && field.value.get() != "null")
    };
    request.has_functions() && !given("parallel_tool_calls")
}

/// Refuses the choice of a function that there is not, as everybody does, where its field has another
/// name than the one that a provider would tell.
pub(crate) fn check_chosen(request: &ChatRequest<'_>) -> Result<(), Refusal> {
    match &request.tool_choice {
        Some(ToolChoice::Function(name))
            if request.has_functions() && !request.tools.iter().any(|tool| tool.name == *name) =>
        {
            Err(refuse(choice_field(request), "names none of the functions"))
        }
        _ => Ok(()),
    }
}

/// The client's word for something of its tools: they may be deprecated functions.
pub(crate) fn tools_word(
    request: &ChatRequest<'_>,
    tools: &'static str,
    functions: &'static str,
) -> &'static str {
    if request.has_functions() {
        functions
    } else {
        tools
    }
}

pub(crate) fn asks_for_a_call(request: &ChatRequest<'_>) -> bool {
    matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Custom(_))
    )
}

/// The client's field that says how the model may choose among the tools.
pub(crate) fn choice_field(request: &ChatRequest<'_>) -> &'static str {
    let given = |name: &str| {
        let mut fields = request.fields.iter();
        fields.any(|field| field.name == name && field.value.get() != "null")
    };
    let is_deprecated =
        request.dialect == Dialect::OpenAiChat && given("function_call") && !given("tool_choice");
    if is_deprecated {
        "function_call"
    } else {
        "tool_choice"
    }
}

/// Whether the model is made to call a tool.
pub(crate) fn forces_a_call(request: &ChatRequest<'_>) -> bool {
    asks_for_a_call(request) && !request.tools.is_empty()
}

/// Refuses a forced call where the model does: the client relies on getting one.
pub(crate) fn check_forced_choice(
    request: &ChatRequest<'_>,
    target: &Target,
) -> Result<(), Refusal> {
    if forces_a_call(request) && target.facts.refuses_forced_tool_choice {
        return Err(refuse(
            choice_field(request),
            format!("forces a call, which {} does not accept", target.upstream),
        ));
    }
    Ok(())
}
