//! Calls of tools, which stay open side by side until they are whole.

use steelyard_types::{AnswerToolCall, ProviderError, ToolKind};

use super::super::write::{Kind, call_item, status};
use super::{Call, ItemWriter, invalid};
use crate::json::Object;

impl ItemWriter {
    pub(super) fn call(&mut self, number: u32, call: AnswerToolCall) -> Result<(), ProviderError> {
        self.settle();
        let at = self.place()?;
        let item_id = self.ids.item(Kind::of(call.kind), at);
        self.added(at, &call_item(&item_id, "in_progress", &call, ""));
        self.calls.push(Call {
            number,
            at,
            call,
            done: false,
        });
        Ok(())
    }

    pub(super) fn arguments(&mut self, number: u32, fragment: &str) -> Result<(), ProviderError> {
        let Some(one) = self.calls.iter_mut().find(|one| one.number == number) else {
            return Err(invalid("a call of a tool goes on that never began"));
        };
        if one.done {
            // White space behind a whole object says nothing.
            return if fragment.trim().is_empty() {
                Ok(())
            } else {
                Err(invalid("a call of a tool goes on after it was whole"))
            };
        }
        one.call.arguments.push_str(fragment);
        let (at, kind) = (one.at, one.call.kind);
        self.of_call(at, kind, "delta", |event| event.text("delta", fragment));
        Ok(())
    }

    /// An event of a call's arguments, or of its input.
    fn of_call(&mut self, at: usize, tool: ToolKind, what: &str, fill: impl FnOnce(&mut Object)) {
        let id = self.ids.item(Kind::of(tool), at);
        let kind = match tool {
            ToolKind::Function => "response.function_call_arguments",
            ToolKind::Custom => "response.custom_tool_call_input",
        };
        self.frame(&format!("{kind}.{what}"), |event| {
            event.text("item_id", &id);
            event.raw("output_index", &at.to_string());
            fill(event);
        });
    }

    pub(super) fn close_call(&mut self, index: usize, whole: bool) {
        let Some(one) = self.calls.get_mut(index).filter(|one| !one.done) else {
            return;
        };
        one.done = true;
        let mut call = std::mem::take(&mut one.call);
        let at = one.at;
        let kind = call.kind;
        let mut arguments = std::mem::take(&mut call.arguments);
        match kind {
            ToolKind::Function => {
                // A function without arguments is called with none: clients parse what stands there.
                if arguments.trim().is_empty() {
                    arguments.push_str("{}");
                    self.of_call(at, kind, "delta", |event| event.text("delta", "{}"));
                }
                self.of_call(at, kind, "done", |event| {
                    event.text("name", &call.name);
                    event.text("arguments", &arguments);
                });
            }
            ToolKind::Custom => {
                self.of_call(at, kind, "done", |event| event.text("input", &arguments));
            }
        }
        let id = self.ids.item(Kind::of(kind), at);
        let item = call_item(&id, status(whole), &call, &arguments);
        self.done(at, item);
    }
}
