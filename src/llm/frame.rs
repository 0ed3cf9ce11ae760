//! One server-sent event: the bytes to pass on, and what they say, read once and only if asked.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;

use super::chunk::Chunk;
use super::failure::Complaint;

/// An event as it came, its blank line included, or a part of one that is too large to wait for.
pub struct Frame {
    bytes: Bytes,
    ends: bool,
    says: OnceLock<Says>,
}

/// What a frame says.
#[derive(Debug)]
pub enum Says {
    /// Comments, or fields without data.
    Nothing,
    Chunk(Chunk),
    /// An error event, in any dialect.
    Error(Box<Complaint>),
    /// `[DONE]`, or what begins with it: clients stop there.
    Done,
    /// Data that is none of these, or a part of an event.
    Unreadable,
}

impl Frame {
    /// An event that its blank line ends.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            bytes,
            ends: true,
            says: OnceLock::new(),
        }
    }

    /// What stood after the last blank line of a stream.
    pub(super) fn rest(bytes: Bytes) -> Self {
        Self {
            ends: false,
            ..Self::whole(bytes)
        }
    }

    /// A part of an event; `ends` if it is the last.
    pub(super) fn part(bytes: Bytes, ends: bool) -> Self {
        Self {
            bytes,
            ends,
            says: OnceLock::from(Says::Unreadable),
        }
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Whether its bytes end with a blank line, so that another event can follow them.
    pub fn ends(&self) -> bool {
        self.ends
    }

    /// Reads it the first time that it is called.
    pub fn says(&self) -> &Says {
        self.says.get_or_init(|| says(&self.bytes))
    }

    /// Whether it is what a reader waits for, or may be: what we cannot read counts.
    pub fn is_content(&self) -> bool {
        match self.says() {
            Says::Chunk(chunk) => chunk.is_content(),
            Says::Unreadable => true,
            Says::Nothing | Says::Done | Says::Error(_) => false,
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("bytes", &self.bytes.len())
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

fn says(bytes: &[u8]) -> Says {
    let event = Event::read(bytes);
    let Some(data) = event.data.filter(|data| !data.is_empty()) else {
        return Says::Nothing;
    };
    if data.starts_with(b"[DONE]") {
        return Says::Done;
    }
    if event.is_error {
        return error(&data);
    }
    let (whole, is_one_line) = match &data {
        Cow::Borrowed(_) => (bytes, true),
        Cow::Owned(joined) => (joined.as_slice(), false),
    };
    let chunk = std::str::from_utf8(&data)
        .ok()
        .and_then(|payload| Chunk::read(whole, payload));
    match chunk {
        None => Says::Unreadable,
        Some(chunk) if chunk.is_error => error(&data),
        Some(chunk) if is_one_line => Says::Chunk(chunk),
        Some(chunk) => Says::Chunk(chunk.without_places()),
    }
}

fn error(data: &[u8]) -> Says {
    Says::Error(Box::new(Complaint::read(data).unwrap_or_default()))
}

/// The fields of an event that we read.
struct Event<'a> {
    /// Borrowed from the event if it is one line.
    data: Option<Cow<'a, [u8]>>,
    is_error: bool,
}

impl<'a> Event<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut event = Self {
            data: None,
            is_error: false,
        };
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            event.line(&rest[..end]);
            at += end + 1;
        }
        event
    }

    fn line(&mut self, line: &'a [u8]) {
        if let Some(value) = field(line, b"data") {
            match &mut self.data {
                None => self.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        } else if field(line, b"event") == Some(b"error") {
            self.is_error = true;
        }
    }
}

/// The value of a line's field, without the one space that may stand before it.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest {
        [] => Some(rest),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &str) -> Frame {
        Frame::whole(Bytes::copy_from_slice(bytes.as_bytes()))
    }

    #[test]
    fn a_comment_or_an_empty_event_says_nothing() {
        for bytes in [
            ": ping\n\n",
            "\n",
            "\r\n",
            "event: x\nid: 1\n\n",
            "data:\n\n",
            "dataset: 1\n\n",
        ] {
            assert!(matches!(frame(bytes).says(), Says::Nothing), "{bytes:?}");
            assert!(!frame(bytes).is_content());
        }
    }

    #[test]
    fn the_end_is_recognised_as_clients_do() {
        for bytes in [
            "data: [DONE]\n\n",
            "data:[DONE]\r\n\r\n",
            "data: [DONE] \r\r",
            ": x\ndata: [DONE]",
        ] {
            assert!(matches!(frame(bytes).says(), Says::Done), "{bytes:?}");
        }
    }

    #[test]
    fn data_over_several_lines_is_one_payload() {
        let frame =
            frame("data: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n");

        assert!(matches!(frame.says(), Says::Chunk(_)));
        assert!(frame.is_content());
    }

    #[test]
    fn an_error_event_is_told_in_each_dialect() {
        for bytes in [
            "data: {\"error\":{\"message\":\"m\"}}\n\n",
            "event: error\ndata: {\"error\":{\"message\":\"m\"}}\n\n",
            "event: error\ndata: {\"message\":\"m\"}\n\n",
            "data: {\"choices\":[{\"finish_reason\":\"error\"}],\"error\":{\"message\":\"m\"}}\n\n",
        ] {
            let frame = frame(bytes);

            let Says::Error(complaint) = frame.says() else {
                panic!("{bytes:?} is no error");
            };
            assert_eq!(complaint.message.as_deref(), Some("m"), "{bytes:?}");
            assert!(!frame.is_content());
        }
        assert!(matches!(
            frame("event: error\ndata: overloaded\n\n").says(),
            Says::Error(_)
        ));
    }

    #[test]
    fn what_cannot_be_read_counts_as_content() {
        assert!(frame("data: hello\n\n").is_content());
        assert!(Frame::whole(Bytes::from_static(b"data: \"\xff\"\n\n")).is_content());
        assert!(Frame::part(Bytes::from_static(b"data: {"), false).is_content());
    }

    #[test]
    fn the_text_of_an_answer_is_not_in_the_debug_output() {
        let frame = frame("data: {\"choices\":[{\"delta\":{\"content\":\"secret\"}}]}\n\n");

        frame.says();

        assert!(!format!("{frame:?} {:?}", frame.says()).contains("secret"));
    }
}
