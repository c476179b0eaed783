use bytes::Bytes;
use smallvec::SmallVec;
use steelyard_types::{ChatAnswer, ChatRequest, ProviderError, StreamEvent, Target, WireFormat};

use crate::sources::Sign;
use crate::sse::Frame;

/// One provider's wire format. Implementations are stateless and know nothing of sockets.
pub trait Adapter: Send + Sync {
    /// The format that it speaks.
    fn wire(&self) -> WireFormat;

    /// Whether this request can be carried to this model, and what is lost on the way.
    ///
    /// Cheap enough to be asked for every candidate of every request: it looks only at what is
    /// unusual about the request and builds nothing.
    ///
    /// # Errors
    /// The first field that cannot be carried.
    fn carries(&self, request: &ChatRequest<'_>, target: &Target) -> Result<Losses, Refusal>;

    /// Writes the request in the provider's format.
    ///
    /// # Errors
    /// What [`Adapter::carries`] says, and what only shows while writing, such as tool arguments in
    /// the history that are not JSON where the provider wants an object.
    fn encode(&self, request: &ChatRequest<'_>, target: &Target)
    -> Result<EncodedRequest, Refusal>;

    /// The headers that carry the key, and those that every request to this provider carries.
    fn headers(&self, key: Option<&str>) -> SmallVec<[(&'static str, String); 3]>;

    /// Reads a whole answer with a 2xx status.
    ///
    /// # Errors
    /// An error object inside the 200, a blocked prompt, or a body that is not an answer.
    fn decode(&self, head: &ResponseHead<'_>, body: &[u8]) -> Result<ChatAnswer, ProviderError>;

    /// Reads an answer with any other status. Bodies that make no sense (a proxy's HTML) still give
    /// the kind that the status says.
    fn decode_error(&self, head: &ResponseHead<'_>, body: &[u8]) -> ProviderError;

    /// A decoder for one streamed answer.
    fn stream_decoder(&self) -> Box<dyn FrameDecoder>;

    /// By what it is known that an answer has more than the neutral form has places for: what is
    /// converted says that it is lost.
    fn signs_of_extras(&self) -> &'static [Sign] {
        &[]
    }
}

/// Reads the SSE frames of one streamed answer.
pub trait FrameDecoder: Send {
    /// Reads one frame, emitting what happened in it, in order.
    fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(StreamEvent<'_>));

    /// The provider closed the stream. Emits what the format left open: `Done` if the answer was
    /// complete (Gemini, Anthropic and DashScope have no `[DONE]`), otherwise an error of kind
    /// `BrokenStream`. Emits nothing if `Done` or an error was emitted already.
    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>));
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRequest {
    /// Path and query behind the provider's base URL, beginning with `/`.
    pub path: String,
    /// Headers of this request alone (DashScope's switch for streaming), names in lower case.
    pub headers: SmallVec<[(&'static str, &'static str); 1]>,
    /// The JSON body.
    pub body: Bytes,
    /// What it does not say of the request, all of which [`Adapter::carries`] names too.
    pub lossy: Losses,
}

/// The fields of a request that a provider is not told, or told less exactly: none that changes
/// what is asked, all of them declared to the client.
///
/// Names are those of the client's dialect, without positions (`seed`, `messages.reasoning`), so
/// that they are few and can be counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses(SmallVec<[&'static str; 4]>);

impl Losses {
    /// Nothing is lost.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a field, once.
    pub fn add(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    /// Adds a field if it is given.
    pub fn add_if(&mut self, field: &'static str, given: bool) {
        if given {
            self.add(field);
        }
    }

    /// The fields, in the order in which they were found.
    #[must_use]
    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }

    /// Whether nothing is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a request cannot be carried to a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct Refusal {
    /// Path of the field in the client's dialect: `response_format`, `messages[2].content[0]`.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence that begins with the field.
    pub reason: String,
}

/// Looks up a response header by its lower-case name.
pub trait HeaderLookup {
    /// The header's value, if it is there and is text.
    fn get(&self, name: &str) -> Option<&str>;
}

/// Tests and tools have their headers in lists.
impl HeaderLookup for &[(&str, &str)] {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }
}

impl<const N: usize> HeaderLookup for [(&str, &str); N] {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }
}

/// The head of a provider's response.
#[derive(Clone, Copy)]
pub struct ResponseHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: &'a dyn HeaderLookup,
    /// When it arrived: dates in `retry-after` are counted from here.
    pub at: steelyard_types::UnixMillis,
}

macro_rules! registry {
    ($($format:ident $name:literal, $module:ident::$adapter:ident, $kind:ident $word:literal $address:expr;)*) => {
        /// The adapter of a wire format, as [`steelyard_types::wire_formats`] names it.
        #[must_use]
        pub fn adapter(wire: WireFormat) -> &'static dyn Adapter {
            match wire {
                $(WireFormat::$format => &crate::$module::$adapter,)*
            }
        }
    };
}

steelyard_types::wire_formats!(registry);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_the_adapter_that_speaks_it() {
        for wire in WireFormat::ALL {
            assert_eq!(adapter(*wire).wire(), *wire);
            assert_eq!(crate::embeddings::adapter(*wire).wire(), *wire);
        }
    }
}
