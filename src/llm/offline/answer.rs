//! An answer in OpenAI's wire shape, in one piece or as frames.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::llm::Frame;

/// An answer before it takes its shape.
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) choices: u64,
    pub(super) prompt_tokens: u64,
    pub(super) finish_reason: &'static str,
    /// Each is a delta in a stream, and counts as a token.
    pub(super) pieces: Vec<String>,
}

impl Answer {
    pub(super) fn whole(&self) -> Value {
        let text = self.pieces.concat();
        let choice = |index| {
            json!({
                "index": index,
                "message": { "role": "assistant", "content": text, "refusal": null },
                "logprobs": null,
                "finish_reason": self.finish_reason,
            })
        };
        let choices: Vec<Value> = (0..self.choices).map(choice).collect();
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": self.usage(),
        })
    }

    pub(super) fn frames(&self, with_usage: bool) -> Vec<Frame> {
        let mut chunks = self.deltas(&json!({ "role": "assistant", "content": "" }), None);
        for piece in &self.pieces {
            chunks.extend(self.deltas(&json!({ "content": piece }), None));
        }
        chunks.extend(self.deltas(&json!({}), Some(self.finish_reason)));
        let mut chunks: Vec<Value> = chunks
            .into_iter()
            .map(|choice| self.chunk(&[choice]))
            .collect();
        if with_usage {
            // As OpenAI has it: null on every chunk but the extra one at the end.
            for chunk in &mut chunks {
                chunk["usage"] = Value::Null;
            }
            let mut last = self.chunk(&[]);
            last["usage"] = self.usage();
            chunks.push(last);
        }
        let data = chunks.iter().map(Value::to_string);
        data.chain(["[DONE]".to_owned()])
            .map(|data| Frame::whole(Bytes::from(format!("data: {data}\n\n"))))
            .collect()
    }

    /// The same delta for each choice.
    fn deltas(&self, delta: &Value, finish_reason: Option<&str>) -> Vec<Value> {
        let choice = |index| {
            json!({
                "index": index,
                "delta": delta,
                "logprobs": null,
                "finish_reason": finish_reason,
            })
        };
        (0..self.choices).map(choice).collect()
    }

    fn chunk(&self, choices: &[Value]) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        let completion = self.pieces.len() as u64 * self.choices;
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        })
    }
}
