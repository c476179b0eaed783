use steelyard_types::{ErrorKind, ProviderError, StreamEvent};

use super::error;
use super::response::{Chunk, Reader, invalid};
use crate::FrameDecoder;
use crate::sse::Frame;

/// Decoder of one streamed answer. DashScope marks the end only by closing the stream.
#[derive(Default)]
pub(super) struct Decoder {
    reader: Reader,
    ended: bool,
}

impl FrameDecoder for Decoder {
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.ended || frame.data.is_empty() {
            return;
        }
        if let Err(error) = self.read(frame, emit) {
            self.ended = true;
            emit(StreamEvent::Error(error));
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if self.reader.is_finished() {
            emit(StreamEvent::Done);
        } else {
            emit(StreamEvent::Error(ProviderError::new(
                ErrorKind::BrokenStream,
                "the stream ended before the answer did",
            )));
        }
    }
}

impl Decoder {
    fn read(
        &mut self,
        frame: &Frame<'_>,
        emit: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Result<(), ProviderError> {
        if frame.event == "error" {
            return Err(error::read_event(frame.data, frame.comment));
        }
        // Events without the blank line between them have been recorded: then one frame holds
        // several values, a line each.
        for chunk in serde_json::Deserializer::from_str(frame.data).into_iter::<Chunk<'_>>() {
            let chunk = chunk.map_err(|error| invalid(&error.to_string()))?;
            self.reader.read(chunk, emit)?;
        }
        Ok(())
    }
}
