//! Models that hand over their answers in one way only: whole answers from a stream, streams from a
//! whole answer.

use std::time::Duration;

use bytes::Bytes;
use steelyard_policy::Timeouts;
use steelyard_provider_adapter::{Assembler, Progress, ResponseHead, StreamReply, UnaryReply};
use steelyard_types::ErrorKind;

use super::empty::{empty_stream, empty_whole};
use super::{
    Call, Failure, Headers, OpenStream, answered, broken, invalid, stream_failure, timed_out,
};

/// Asks for a stream and puts a whole answer together from it. The stream has the timeouts of a
/// stream: its first token, the pause between two pieces, and all of it.
pub(super) async fn assembled(call: Call<'_>, total: Duration) -> Result<UnaryReply, Failure> {
    let mut assembler = Assembler::new(call.wire);
    match tokio::time::timeout(total, assemble(call, &mut assembler)).await {
        Ok(Ok(context)) => match assembler.finish(&context) {
            reply if reply.empty => Err(empty_whole(reply)),
            reply => Ok(reply),
        },
        Ok(Err(failure)) => Err(Failure {
            // What the provider said before it failed is charged all the same.
            usage: failure.usage.or(assembler.usage()),
            ..failure
        }),
        Err(_) => Err(Failure {
            usage: assembler.usage(),
            ..timed_out(ErrorKind::TotalTimeout, "no whole answer", total)
        }),
    }
}

async fn assemble(
    mut call: Call<'_>,
    assembler: &mut Assembler,
) -> Result<steelyard_provider_adapter::ReplyContext, Failure> {
    let Timeouts {
        first_token_ms,
        idle_ms,
        ..
    } = call.timeouts;
    let first_token = Duration::from_millis(first_token_ms);
    let began = tokio::time::timeout(first_token, begin(&mut call, assembler)).await;
    let late = |_| timed_out(ErrorKind::FirstTokenTimeout, "no first token", first_token);
    let (mut response, mut held, mut progress) = began.map_err(late)??;
    let idle = Duration::from_millis(idle_ms);
    while progress != Progress::Complete {
        let next = next(&call, assembler, &mut response, held);
        let next = tokio::time::timeout(idle, next).await;
        (held, progress) = next.map_err(|_| silent(assembler))??;
    }
    Ok(call.context)
}

/// Sends the request and reads up to the first content.
async fn begin(
    call: &mut Call<'_>,
    assembler: &mut Assembler,
) -> Result<(reqwest::Response, usize, Progress), Failure> {
    let mut response = call.send().await?;
    let status = response.status().as_u16();
    if !(200..300).contains(&status) || super::is_json(response.headers()) {
        return Err(call.not_a_stream(response).await);
    }
    let (mut held, mut progress) = (0, Progress::Waiting);
    while progress == Progress::Waiting {
        (held, progress) = next(call, assembler, &mut response, held).await?;
    }
    Ok((response, held, progress))
}

/// Takes the next piece: how many bytes there were so far, and how far the answer has come.
async fn next(
    call: &Call<'_>,
    assembler: &mut Assembler,
    response: &mut reqwest::Response,
    held: usize,
) -> Result<(usize, Progress), Failure> {
    let chunk = response
        .chunk()
        .await
        .map_err(|error| broken(&error, assembler.usage()))?;
    let held = held + chunk.as_ref().map_or(0, Bytes::len);
    let progress = match &chunk {
        Some(chunk) => assembler.push(chunk),
        None => assembler.end(),
    };
    match progress {
        Progress::Failed => Err(stream_failure(assembler.error(), assembler.usage())),
        _ if held > call.max_answer_bytes => {
            let message = "the answer is larger than max_answer_bytes";
            Err(invalid(message, assembler.usage()))
        }
        _ => Ok((held, progress)),
    }
}

fn silent(assembler: &Assembler) -> Failure {
    let message = "the stream was silent for idle_ms";
    answered(ErrorKind::BrokenStream, message, assembler.usage())
}

/// Asks for a whole answer and writes a stream from it. It has the total time alone, as whole
/// answers have: their first token comes with the last.
pub(super) async fn written(mut call: Call<'_>) -> Result<OpenStream, Failure> {
    let total = Duration::from_millis(call.timeouts.total_ms);
    let (status, headers, body) = match tokio::time::timeout(total, call.whole()).await {
        Ok(answer) => answer?,
        Err(_) => return Err(timed_out(ErrorKind::TotalTimeout, "no whole answer", total)),
    };
    let head = ResponseHead {
        status,
        headers: &Headers(&headers),
        at: call.at,
    };
    let answer = call.deployment.adapter.decode(&head, &body)?;
    let mut pending = Vec::new();
    let reply = StreamReply::of_answer(answer, call.wire, call.context, &mut pending)
        .read_from(call.wire, &body);
    match reply.progress() {
        Progress::Complete if !reply.is_empty() => Ok(OpenStream {
            upstream: None,
            progress: Progress::Complete,
            reply,
            pending,
        }),
        Progress::Complete => Err(empty_stream(reply, pending)),
        _ => Err(stream_failure(reply.error(), reply.usage())),
    }
}
