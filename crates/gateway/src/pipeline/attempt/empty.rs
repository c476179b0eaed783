//! Complete answers without content. They are worth another attempt, and kept for the client that gets
//! no better one.

use bytes::Bytes;
use steelyard_provider_adapter::{Progress, StreamReply, UnaryReply};
use steelyard_types::{ErrorKind, Usage};

use super::{Failure, OpenStream, answered};

/// A complete answer without content, ready for the client.
pub(crate) enum Kept {
    Whole(UnaryReply),
    Stream(Box<OpenStream>),
}

/// A whole answer that is empty.
pub(super) fn empty_whole(reply: UnaryReply) -> Failure {
    let usage = reply.usage;
    // Without a reason to end, nobody knows whether it was meant to be empty.
    let kept = reply.finish.is_some().then_some(Kept::Whole(reply));
    empty_answer(usage, kept)
}

/// A stream that is complete and empty.
pub(super) fn empty_stream(reply: StreamReply, pending: Vec<Bytes>) -> Failure {
    let usage = reply.usage();
    let kept = Kept::Stream(Box::new(OpenStream {
        upstream: None,
        progress: Progress::Complete,
        reply,
        pending,
    }));
    empty_answer(usage, Some(kept))
}

fn empty_answer(usage: Option<Usage>, kept: Option<Kept>) -> Failure {
    Failure {
        kept: kept.map(Box::new),
        ..answered(ErrorKind::EmptyAnswer, "the answer is empty", usage)
    }
}

#[cfg(test)]
mod tests {
    use steelyard_provider_adapter::Losses;
    use steelyard_types::FinishReason;

    use super::*;

    fn failure(finish: Option<FinishReason>) -> Failure {
        empty_whole(UnaryReply {
            body: Bytes::from_static(b"{}"),
            usage: None,
            finish,
            empty: true,
            lost: Losses::none(),
        })
    }

    #[test]
    fn only_an_answer_that_ended_is_kept() {
        let ended = failure(Some(FinishReason::Stop));
        assert_eq!(ended.error.kind, ErrorKind::EmptyAnswer);
        assert!(ended.answered && matches!(ended.kept.as_deref(), Some(Kept::Whole(_))));
        let cut = failure(None);
        assert_eq!(cut.error.kind, ErrorKind::EmptyAnswer);
        assert!(cut.answered && cut.kept.is_none());
    }
}
