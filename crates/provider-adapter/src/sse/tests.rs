use super::*;
use proptest::prelude::*;

/// A frame that outlives its decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    event: String,
    data: String,
    comment: String,
    raw: Bytes,
}

fn owned(frame: Frame<'_>) -> Owned {
    Owned {
        event: frame.event.to_owned(),
        data: frame.data.to_owned(),
        comment: frame.comment.to_owned(),
        raw: frame.raw.clone(),
    }
}

fn decode(chunks: &[&[u8]], limit: usize) -> (Vec<Owned>, Option<Owned>, Option<SseError>) {
    let mut decoder = SseDecoder::new(limit);
    let mut frames = Vec::new();
    for chunk in chunks {
        let mut rest = Bytes::copy_from_slice(chunk);
        loop {
            match decoder.next(&mut rest) {
                Ok(Some(frame)) => frames.push(owned(frame)),
                Ok(None) => break,
                Err(error) => return (frames, None, Some(error)),
            }
        }
    }
    match decoder.end() {
        Ok(last) => (frames, last.map(owned), None),
        Err(error) => (frames, None, Some(error)),
    }
}

fn data(stream: &str) -> Vec<String> {
    let (frames, last, error) = decode(&[stream.as_bytes()], 1024);
    assert_eq!(error, None);
    assert_eq!(last, None, "left over");
    frames.into_iter().map(|frame| frame.data).collect()
}

#[test]
fn all_line_ends_end_frames() {
    for stream in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\ndata: b\n\r\n",
        "\n\r\n\rdata: a\n\n\n\n\ndata: b\n\n",
    ] {
        assert_eq!(data(stream), ["a", "b"], "{stream:?}");
    }
}

#[test]
fn fields_are_read_as_the_standard_says() {
    let stream =
        "\u{feff}: hello\r\nevent:message\nid: 7\nretry: 10\ndata:one\ndata\ndata:  two\n\n";
    let (frames, _, _) = decode(&[stream.as_bytes()], 1024);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].comment, "hello");
    assert_eq!(frames[0].event, "message");
    assert_eq!(frames[0].data, "one\n\n two");
    assert_eq!(frames[0].raw, stream.as_bytes());
}

#[test]
fn a_whole_frame_is_a_slice_of_its_chunk() {
    let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
    let mut rest = chunk.clone();
    let mut decoder = SseDecoder::default();
    let frame = decoder.next(&mut rest).unwrap().unwrap();
    assert_eq!(frame.raw.as_ptr(), chunk.as_ptr());
    let slice = frame.slice(frame.data).unwrap();
    assert_eq!(slice.as_ptr(), chunk[6..].as_ptr());
    assert_eq!(frame.slice("elsewhere"), None);
}

#[test]
fn an_unfinished_frame_comes_at_the_end() {
    let (frames, last, error) = decode(&[b"data: a\n\nda", b"ta: [DONE]"], 1024);
    assert_eq!((frames.len(), error), (1, None));
    assert_eq!(last.unwrap().data, "[DONE]");
}

#[test]
fn length_is_bounded_however_it_is_cut() {
    let stream = b"data: 0123456789\n\n";
    let error = Some(SseError::TooLong { limit: 17 });
    assert_eq!(decode(&[stream], 17).2, error);
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>(), 17).2, error);
    assert_eq!(decode(&[stream], 18).2, None);
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>(), 18).2, None);
}

#[test]
fn bytes_that_are_not_utf8_are_an_error() {
    assert_eq!(decode(&[b"data: \xff\n\n"], 64).2, Some(SseError::NotUtf8));
    assert_eq!(decode(&[b"data: \xe4\xbd"], 64).2, Some(SseError::NotUtf8));
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        stream in "(data|event|:|\u{feff}|好|: |x|\n|\r|\r\n|\n\n|\r\n\r\n|\r\r){0,40}",
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        limit in prop_oneof![Just(1024usize), 1usize..40],
    ) {
        let whole = decode(&[stream.as_bytes()], limit);
        prop_assert_eq!(&decode(&cut(stream.as_bytes(), &cuts), limit), &whole);
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        prop_assert_eq!(&decode(&single, limit), &whole);
    }

    #[test]
    fn arbitrary_bytes_split_the_same_and_lose_nothing(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let whole = decode(&[&bytes], 1024);
        prop_assert_eq!(&decode(&cut(&bytes, &cuts), 1024), &whole);
        if whole.2.is_none() {
            let mut joined: Vec<u8> = whole.0.iter().flat_map(|frame| frame.raw.to_vec()).collect();
            joined.extend(whole.1.iter().flat_map(|frame| frame.raw.to_vec()));
            prop_assert_eq!(joined, bytes);
        }
    }
}
