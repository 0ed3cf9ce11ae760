//! A door for the fuzz targets, to what is private otherwise. No other build has it.

use bytes::Bytes;

use super::{Cutter, Frame};

/// The frames of a stream that comes in these chunks, what is left at its end included.
pub fn frames(chunks: &[&[u8]]) -> Vec<Frame> {
    let mut cutter = Cutter::default();
    let mut frames = Vec::new();
    for chunk in chunks {
        cutter.push(chunk);
        frames.extend(cutter.by_ref());
    }
    frames.extend(cutter.finish());
    frames
}

/// One event.
pub fn frame(bytes: &[u8]) -> Frame {
    Frame::whole(Bytes::copy_from_slice(bytes))
}
