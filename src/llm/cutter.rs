//! Cuts a byte stream into server-sent events, each let go as soon as it is whole.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::frame::Frame;

/// An event that grows past this goes on in parts, so that no buffer grows with it.
const LIMIT: usize = 64 * 1024;

/// Takes chunks and gives frames, which joined are the chunks byte for byte. The events of one chunk
/// are slices of one copy; only one that is split over chunks is copied again.
#[derive(Debug, Default)]
pub struct Cutter {
    chunk: Bytes,
    /// The beginning of an event whose end has not come.
    carry: BytesMut,
    line: Line,
    /// Whether parts of the event have gone already.
    is_parted: bool,
}

/// Where the scanner stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    Inside,
    /// After a carriage return, which a line feed may complete.
    Return,
}

impl Cutter {
    /// Cuts what is there already.
    pub fn of(bytes: Bytes) -> Self {
        Self {
            chunk: bytes,
            ..Self::default()
        }
    }

    /// Takes what came next, as a copy: a slice would hold on to the connection's whole read buffer
    /// for as long as somebody does not read, and the connection would have to make another.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.chunk = if self.chunk.is_empty() {
            Bytes::copy_from_slice(chunk)
        } else {
            [&self.chunk[..], chunk].concat().into()
        };
    }

    /// What is left at the end of the stream: an event without its blank line.
    pub(super) fn finish(&mut self) -> Option<Frame> {
        let rest = self.carry.split().freeze();
        (!rest.is_empty()).then(|| Frame::rest(rest))
    }

    /// The place after the blank lines that end the event.
    fn end(&mut self) -> Option<usize> {
        let bytes = &self.chunk[..];
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (self.line, byte) {
                (Line::Return, b'\n') => {
                    self.line = Line::Start;
                    at += 1;
                }
                (Line::Start | Line::Return, b'\n' | b'\r') => {
                    self.line = Line::Start;
                    let blank = bytes[at..].iter().take_while(|byte| is_line_end(**byte));
                    return Some(at + blank.count());
                }
                _ => {
                    let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) else {
                        self.line = Line::Inside;
                        return None;
                    };
                    at += found;
                    self.line = if bytes[at] == b'\r' {
                        Line::Return
                    } else {
                        Line::Start
                    };
                    at += 1;
                }
            }
        }
        None
    }

    fn whole(&mut self, end: usize) -> Frame {
        let tail = self.chunk.split_to(end);
        let bytes = self.joined(tail);
        if mem::take(&mut self.is_parted) {
            return Frame::part(bytes, true);
        }
        Frame::whole(bytes)
    }

    /// Keeps the beginning of an event, or lets it go on if it is too large.
    fn keep(&mut self) -> Option<Frame> {
        let rest = mem::take(&mut self.chunk);
        if self.is_parted || self.carry.len() + rest.len() > LIMIT {
            self.is_parted = true;
            return Some(Frame::part(self.joined(rest), false));
        }
        self.carry.extend_from_slice(&rest);
        None
    }

    fn joined(&mut self, tail: Bytes) -> Bytes {
        if self.carry.is_empty() {
            return tail;
        }
        self.carry.extend_from_slice(&tail);
        self.carry.split().freeze()
    }
}

/// The frames that are whole by now.
impl Iterator for Cutter {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.chunk.is_empty() {
            return None;
        }
        match self.end() {
            Some(end) => Some(self.whole(end)),
            None => self.keep(),
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::llm::frame::Says;

    /// The frames of each chunk, and what is left at the end.
    fn cut(chunks: &[&[u8]]) -> Vec<Vec<Vec<u8>>> {
        let mut cutter = Cutter::default();
        let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
        for chunk in chunks {
            cutter.push(chunk);
            all.push(
                cutter
                    .by_ref()
                    .map(|frame| frame.bytes().to_vec())
                    .collect(),
            );
        }
        all.push(
            cutter
                .finish()
                .map(|frame| frame.bytes().to_vec())
                .into_iter()
                .collect(),
        );
        all
    }

    #[test]
    fn every_line_end_ends_an_event() {
        for event in [
            &b"data: a\n\n"[..],
            b"data: a\r\n\r\n",
            b"data: a\r\r",
            b"data: a\n\r\n",
            b"data: a\r\n\n",
            b": note\r\ndata: a\rdata: b\n\r",
        ] {
            let two = [event, b"data: z\n\n"].concat();

            let frames = cut(&[&two]);

            assert_eq!(
                frames,
                [vec![event.to_vec(), b"data: z\n\n".to_vec()], vec![]]
            );
        }
    }

    #[test]
    fn a_frame_is_let_go_as_soon_as_it_is_whole() {
        let frames = cut(&[
            b"data: a\r\n\r",
            b"\n",
            b"data: b\r\n",
            b"\r\ndata: c\n",
            b"\n",
        ]);

        assert_eq!(frames[0], [b"data: a\r\n\r"]);
        assert_eq!(frames[1], [b"\n"]);
        assert!(frames[2].is_empty());
        assert_eq!(frames[3], [b"data: b\r\n\r\n"]);
        assert_eq!(frames[4], [b"data: c\n\n"]);
    }

    #[test]
    fn a_line_feed_that_completes_a_return_is_no_blank_line() {
        let frames = cut(&[b"data: a\r", b"\ndata: b\r", b"\n\r\n"]);

        assert_eq!(frames[2], [b"data: a\r\ndata: b\r\n\r\n"]);
    }

    #[test]
    fn the_events_of_a_chunk_are_slices_of_one_copy() {
        let mut cutter = Cutter::default();

        cutter.push(b"data: a\n\n: b\n\n");
        let frames: Vec<Frame> = cutter.by_ref().collect();

        let first = frames[0].bytes();
        assert_eq!(frames[1].bytes().as_ptr(), first.as_ptr().wrapping_add(9));
    }

    #[test]
    fn a_large_event_goes_on_in_parts_and_the_next_one_is_whole_again() {
        let mut cutter = Cutter::default();
        let mut frames = Vec::new();
        for chunk in [
            vec![b'd'; 60_000],
            vec![b'a'; 10_000],
            vec![b't'; 9],
            b"a\n\ndata: x\n\n".to_vec(),
        ] {
            cutter.push(&chunk);
            frames.extend(cutter.by_ref());
        }

        let sizes: Vec<usize> = frames.iter().map(|frame| frame.bytes().len()).collect();
        assert_eq!(sizes, [70_000, 9, 3, 9]);
        let ends: Vec<bool> = frames.iter().map(Frame::ends).collect();
        assert_eq!(ends, [false, false, true, true]);
        assert!(
            frames[..3]
                .iter()
                .all(|part| matches!(part.says(), Says::Unreadable))
        );
    }

    #[test]
    fn what_is_left_at_the_end_has_no_blank_line() {
        let mut cutter = Cutter::default();
        cutter.push(b"data: [DONE]\n");
        assert!(cutter.next().is_none());

        let rest = cutter.finish().unwrap();

        assert!(!rest.ends());
        assert!(matches!(rest.says(), Says::Done));
        assert!(cutter.finish().is_none());
    }

    fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"data: {\"choices\":[],\"usage\":null}".to_vec()),
            Just("data: {\"model\":\"é\"}".as_bytes().to_vec()),
            Just(b": c".to_vec()),
            Just(b"data: [DONE]".to_vec()),
            prop::collection::vec(any::<u8>(), 0..6),
            Just(vec![b'x'; 40_000]),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn joined_frames_are_the_stream(
            stream in stream_bytes(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();

            let frames = cut(&chunks);

            prop_assert_eq!(frames.into_iter().flatten().flatten().collect::<Vec<u8>>(), stream);
        }

        #[test]
        fn chunking_does_not_change_what_is_said(
            stream in stream_bytes(), size in 1usize..40,
        ) {
            let whole = said(&[&stream]);
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();

            prop_assert_eq!(said(&pieces), whole);
        }
    }

    /// What the frames say, without those that say nothing; large events only as such.
    fn said(chunks: &[&[u8]]) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            cutter.push(chunk);
            frames.extend(cutter.by_ref());
        }
        frames.extend(cutter.finish());
        frames
            .iter()
            .filter(|frame| frame.bytes().len() < 30_000)
            .filter_map(|frame| match frame.says() {
                Says::Done => Some("done".to_owned()),
                Says::Chunk(chunk) => Some(format!("{:?} {}", chunk.choices, chunk.is_content())),
                _ => None,
            })
            .collect()
    }
}
