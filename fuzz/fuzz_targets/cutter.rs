//! However a stream is cut into packets, its frames are the same bytes and say the same.

#![no_main]

use concierge::llm::{Frame, Says, fuzz};
use libfuzzer_sys::fuzz_target;

/// An event beyond it goes on in parts.
const LIMIT: usize = 64 * 1024;
/// Of an event that may have gone on in parts, or not.
const LARGE: usize = LIMIT / 2;

fuzz_target!(|data: &[u8]| {
    let Some((control, stream)) = data.split_at_checked(4) else {
        return;
    };
    let stream = &grown(stream, control[0])[..];
    let chunks = cut(stream, control);
    let largest = chunks.iter().map(|chunk| chunk.len()).max().unwrap_or(0);

    let frames = fuzz::frames(&chunks);

    let joined: Vec<u8> = frames
        .iter()
        .flat_map(|frame| frame.bytes().to_vec())
        .collect();
    assert_eq!(joined, stream);
    for frame in &frames {
        assert!(!frame.bytes().is_empty());
        assert!(frame.bytes().len() <= LIMIT + largest);
    }
    if stream.len() < LARGE {
        assert_eq!(said(&frames), said(&fuzz::frames(&[stream])));
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(said(&frames), said(&fuzz::frames(&single)));
    }
});

/// Now and then a stream with an event that is larger than any that a fuzzer writes.
fn grown(stream: &[u8], control: u8) -> Vec<u8> {
    let piece = &stream[..stream.len().min(256)];
    let times = if control == 0 { 800 } else { 0 };
    [piece.repeat(times), stream.to_vec()].concat()
}

/// Pieces whose lengths follow from three bytes.
fn cut<'a>(stream: &'a [u8], control: &[u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = stream;
    let mut lengths = control[1..].iter().cycle();
    while !rest.is_empty() {
        let wanted = lengths.next().map_or(1, |length| usize::from(*length) + 1);
        let wanted = if control[0] & 1 == 0 {
            wanted
        } else {
            wanted * 64
        };
        let (chunk, after) = rest.split_at(wanted.min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

/// What the frames say, without those that say nothing.
fn said(frames: &[Frame]) -> Vec<String> {
    let word = |frame: &Frame| match frame.says() {
        Says::Nothing => None,
        Says::Done => Some("done".to_owned()),
        Says::Chunk(chunk) => Some(format!("{:?} {:?}", chunk.choices, chunk.usage)),
        Says::Error(complaint) => Some(format!("{complaint:?}")),
        Says::Unreadable => Some("unreadable".to_owned()),
    };
    frames.iter().filter_map(word).collect()
}
