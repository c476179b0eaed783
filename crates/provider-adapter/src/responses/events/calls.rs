//! Calls, which stay open side by side until they are whole.

use steelyard_types::ProviderError;

use super::{ItemWriter, invalid};
use crate::json::{self, Object};
use crate::responses::write::{Kind, call_item, status};

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    number: u32,
    at: usize,
    id: String,
    name: String,
    arguments: String,
    done: bool,
}

impl ItemWriter {
    /// Closes what another item may follow: words, thoughts, and calls that are whole.
    pub(super) fn settle(&mut self) {
        self.close_open(true);
        for index in 0..self.calls.len() {
            let whole = self
                .calls
                .get(index)
                .is_some_and(|call| json::object(&call.arguments).is_some());
            if whole {
                self.close_call(index, true);
            }
        }
    }

    pub(super) fn call(&mut self, number: u32, id: &str, name: &str) -> Result<(), ProviderError> {
        self.settle();
        let at = self.place()?;
        let item_id = self.ids.item(Kind::Call, at);
        self.added(at, &call_item(&item_id, "in_progress", id, name, ""));
        self.calls.push(Call {
            number,
            at,
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
            done: false,
        });
        Ok(())
    }

    pub(super) fn arguments(&mut self, number: u32, fragment: &str) -> Result<(), ProviderError> {
        let Some(call) = self.calls.iter_mut().find(|call| call.number == number) else {
            return Err(invalid("a call of a tool goes on that never began"));
        };
        if call.done {
            // White space behind a whole object says nothing.
            return if fragment.trim().is_empty() {
                Ok(())
            } else {
                Err(invalid("a call of a tool goes on after it was whole"))
            };
        }
        call.arguments.push_str(fragment);
        let at = call.at;
        self.of_call(at, "response.function_call_arguments.delta", |event| {
            event.text("delta", fragment);
        });
        Ok(())
    }

    fn of_call(&mut self, at: usize, kind: &str, fill: impl FnOnce(&mut Object)) {
        let id = self.ids.item(Kind::Call, at);
        self.frame(kind, |event| {
            event.text("item_id", &id);
            event.raw("output_index", &at.to_string());
            fill(event);
        });
    }

    pub(super) fn close_call(&mut self, index: usize, whole: bool) {
        let Some(call) = self.calls.get_mut(index).filter(|call| !call.done) else {
            return;
        };
        call.done = true;
        let given = std::mem::take(&mut call.arguments);
        let (at, call_id, name) = (
            call.at,
            std::mem::take(&mut call.id),
            std::mem::take(&mut call.name),
        );
        let mut arguments = given;
        // A function without arguments is called with none: clients parse what stands there.
        if arguments.trim().is_empty() {
            arguments.push_str("{}");
            self.of_call(at, "response.function_call_arguments.delta", |event| {
                event.text("delta", "{}");
            });
        }
        self.of_call(at, "response.function_call_arguments.done", |event| {
            event.text("name", &name);
            event.text("arguments", &arguments);
        });
        let id = self.ids.item(Kind::Call, at);
        let item = call_item(&id, status(whole), &call_id, &name, &arguments);
        self.done(at, item);
    }
}
