//! What comes back from an upstream: one piece, or a stream of frames.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode};
use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::chunk::is_named;
use super::failure::Failure;
use super::frame::Frame;
use super::json::{self, Members, Name, Object, Span};
use super::usage::Usage;

/// The frames of a stream. After a failure there are no more. The end alone says nothing about whether
/// the answer is complete: that is in what the frames said.
pub type Frames = BoxStream<'static, Result<Frame, Failure>>;

/// A plain answer that can be read.
pub struct Reply {
    pub status: StatusCode,
    /// Those worth passing on; the upstream's request id under `x-upstream-request-id`.
    pub headers: HeaderMap,
    pub body: Bytes,
    pub usage: Option<Usage>,
    /// Where a `model` stands that is not empty.
    pub(super) model_at: Option<Span>,
}

/// A streamed answer whose head has come.
pub struct Streaming {
    /// As in [`Reply`].
    pub headers: HeaderMap,
    pub frames: Frames,
}

impl Reply {
    /// Which model has answered, as it says itself.
    pub fn model(&self) -> Option<&str> {
        let quoted = self.body.get(self.model_at.clone()?)?;
        serde_json::from_slice(quoted).ok()
    }

    /// Reads a body that is one JSON object.
    pub(super) fn read(
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, Failure> {
        let text = std::str::from_utf8(&body).map_err(|_| Failure::Garbled("it is not UTF-8"))?;
        let Object(answer) = serde_json::from_str::<Object<Answer<'_>>>(text)
            .map_err(|_| Failure::Garbled("it is not a JSON object"))?;
        let model = answer.model.map(RawValue::get).filter(is_named);

        Ok(Self {
            status,
            headers,
            usage: answer.usage.map(RawValue::get).and_then(Usage::read),
            model_at: model.map(|model| json::span(&body, model)),
            body,
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Answer<'a> {
    model: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

enum Field {
    Model,
    Usage,
    Other,
}

impl<'de> Members<'de> for Answer<'de> {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut answer = Self::default();
        let named = |name: &[u8]| match name {
            b"model" => Field::Model,
            b"usage" => Field::Usage,
            _ => Field::Other,
        };
        while let Some(field) = members.next_key_seed(Name(named))? {
            match field {
                Field::Model => answer.model = Some(members.next_value()?),
                Field::Usage => answer.usage = Some(members.next_value()?),
                Field::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(answer)
    }
}
