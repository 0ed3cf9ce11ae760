//! Holds what comes before the first content: until then another target can be asked.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;

use super::meter::Meter;
use crate::llm::{Cutter, Failure, Frame, Frames, Says, Streaming};

/// What grows past this is not held: it goes on at once, and the head with it.
const LIMIT: usize = 64 * 1024;

/// A stream that has begun in earnest.
pub(super) struct Held {
    pub(super) headers: HeaderMap,
    pub(super) frames: HeldFrames,
}

/// The frames that were held, the one that released them, and those that follow.
pub(super) struct HeldFrames {
    /// As bytes, so that many small ones take no more room than they have bytes.
    held: Cutter,
    next: Option<Frame>,
    rest: Frames,
}

/// Reads up to the first content, to `[DONE]`, or to the limit. What ends or fails before has not
/// begun to answer.
pub(super) async fn until_content(
    streaming: Streaming,
    meter: &mut Meter,
) -> Result<Held, Failure> {
    let mut frames = streaming.frames;
    let mut held = BytesMut::new();
    let next = loop {
        let frame = frames.next().await.ok_or(Failure::Cut(None))??;
        let is_wanted = match frame.says() {
            Says::Error(complaint) => return Err(Failure::Complained(complaint.clone())),
            Says::Chunk(chunk) => {
                if let Some(usage) = chunk.usage {
                    meter.counts(usage);
                }
                chunk.is_content()
            }
            Says::Done | Says::Unreadable => true,
            Says::Nothing => false,
        };
        if is_wanted || held.len() + frame.bytes().len() > LIMIT {
            break frame;
        }
        held.extend_from_slice(frame.bytes());
    };
    meter.begun();
    if next.is_content() {
        meter.first_content();
    }
    Ok(Held {
        headers: streaming.headers,
        frames: HeldFrames {
            held: Cutter::of(held.freeze()),
            next: Some(next),
            rest: frames,
        },
    })
}

impl Stream for HeldFrames {
    type Item = Result<Frame, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.next.is_none() {
            return this.rest.poll_next_unpin(cx);
        }
        let frame = this.held.next().or_else(|| this.next.take());
        Poll::Ready(frame.map(Ok))
    }
}
