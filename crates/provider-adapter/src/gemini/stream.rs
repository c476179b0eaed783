use steelyard_types::{ErrorKind, ProviderError, StreamEvent};

use super::response::Reader;
use crate::FrameDecoder;
use crate::sse::Frame;

/// Decoder of one streamed answer. Gemini marks the end only by closing the stream.
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
        if let Err(error) = self.reader.read(frame.data, emit) {
            self.ended = true;
            emit(StreamEvent::Error(error));
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        match self.reader.finish(emit) {
            Ok(true) => emit(StreamEvent::Done),
            Ok(false) => emit(StreamEvent::Error(ProviderError::new(
                ErrorKind::BrokenStream,
                "the stream ended before the answer did",
            ))),
            Err(error) => emit(StreamEvent::Error(error)),
        }
    }
}
