//! A model for a machine without a key: it answers by rule, in OpenAI's wire shape, and says so.

mod answer;
mod embeddings;
mod said;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    ChatRequest, Failure, Frames, ModelCard, Provider, Refusal, Reply, Sent, Streaming, Task,
};
use crate::clock::Clock;
use answer::Answer;
use said::Said;

/// OpenAI's own limit on `n`.
const MOST_CHOICES: u64 = 128;
/// How many characters of a message are told back.
const QUOTED: usize = 200;

/// The same answer to the same request, at the same time by its clock.
#[derive(Clone, Debug)]
pub struct Offline {
    clock: Clock,
}

impl Offline {
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }

    fn answer(&self, request: &ChatRequest) -> Result<Answer, Failure> {
        if !(1..=MOST_CHOICES).contains(&request.n()) {
            return Err(refused("n", "`n` must be between 1 and 128."));
        }
        let micros = self.clock.micros();
        let said = Said::read(request.prompt());
        let text = demo(&said.last_user_text());
        let mut pieces = said::pieces(&text);
        let limit = request.output_limit().unwrap_or(u64::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_cut = limit < pieces.len();
        pieces.truncate(limit);
        Ok(Answer {
            id: format!(
                "chatcmpl-offline-{micros:x}-{:08x}",
                crc32fast::hash(request.body())
            ),
            created: micros / 1_000_000,
            model: request.model().to_owned(),
            choices: request.n(),
            prompt_tokens: said.tokens(),
            finish_reason: if is_cut { "length" } else { "stop" },
            pieces: pieces.into_iter().map(str::to_owned).collect(),
        })
    }
}

#[async_trait]
impl Provider for Offline {
    async fn complete(&self, request: &ChatRequest, sent: &Sent) -> Result<Reply, Failure> {
        sent.set();
        let body = match request.task() {
            Task::Chat => self.answer(request)?.whole().to_string(),
            Task::Embeddings => embeddings::answer(request.body(), request.model())?,
        };
        let headers = content_type("application/json");
        Reply::read(StatusCode::OK, headers, body.into())
    }

    async fn stream(
        &self,
        request: &ChatRequest,
        sent: &Sent,
        _: Option<Duration>,
    ) -> Result<Streaming, Failure> {
        sent.set();
        let answer = self.answer(request)?;
        let frames = answer.frames(request.wants_usage()).into_iter().map(Ok);
        let frames: Frames = Box::pin(stream::iter(frames));
        Ok(Streaming {
            headers: content_type("text/event-stream"),
            frames,
        })
    }

    async fn models(&self) -> Result<Vec<ModelCard>, Failure> {
        let card = json!({
            "id": "offline",
            "object": "model",
            "created": 0,
            "owned_by": "concierge",
        });
        let json: Box<RawValue> =
            to_raw_value(&card).map_err(|_| Failure::Garbled("it is no JSON"))?;
        Ok(vec![ModelCard {
            id: "offline".to_owned(),
            json,
        }])
    }
}

fn demo(asked: &str) -> String {
    const DEMO: &str = "This is a demo answer: no language model stands behind it. \
                        Configure a provider, for example with OPENAI_API_KEY, to get real ones.";
    let asked = asked.trim();
    if asked.is_empty() {
        return DEMO.to_owned();
    }
    let told: String = asked.chars().take(QUOTED).collect();
    let more = if told.len() < asked.len() { "…" } else { "" };
    format!("{DEMO} You wrote: “{told}{more}”")
}

fn refused(param: &str, message: &str) -> Failure {
    let body = json!({
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": "invalid_request",
        }
    });
    Failure::Refused(Box::new(Refusal {
        status: StatusCode::BAD_REQUEST,
        headers: content_type("application/json"),
        body: body.to_string().into(),
        is_whole: true,
    }))
}

fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::StreamExt;
    use serde_json::Value;

    use super::*;
    use crate::llm::{Choices, Frame, Says};

    fn offline() -> Offline {
        Offline::new(Clock::standing_at(1_700_000_000_000_000))
    }

    fn request(members: &str) -> ChatRequest {
        let body = format!(r#"{{"model":"offline/any",{members}}}"#);
        ChatRequest::view(Bytes::from(body)).unwrap()
    }

    async fn whole(members: &str) -> Value {
        let reply = offline()
            .complete(&request(members), &Sent::default())
            .await
            .unwrap();
        serde_json::from_slice(&reply.body).unwrap()
    }

    async fn streamed(members: &str) -> Vec<Frame> {
        let members = format!(r#""stream":true,{members}"#);
        let streaming = offline()
            .stream(&request(&members), &Sent::default(), None)
            .await
            .unwrap();
        streaming.frames.map(Result::unwrap).collect().await
    }

    fn payload(frame: &Frame) -> Value {
        let text = std::str::from_utf8(frame.bytes()).unwrap();
        serde_json::from_str(text.strip_prefix("data: ").unwrap()).unwrap()
    }

    const HELLO: &str = r#""messages":[{"role":"system","content":"be kind"},
        {"role":"user","content":[{"type":"text","text":"hello there"}]}]"#;

    #[tokio::test]
    async fn the_answer_says_that_it_is_a_demo_and_tells_the_message_back() {
        let answer = whole(HELLO).await;

        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains("no language model stands behind it"));
        assert!(text.ends_with("You wrote: “hello there”"));
        assert_eq!(answer["model"], "offline/any");
        assert_eq!(answer["created"], 1_700_000_000);
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"]["prompt_tokens"], 4);
        assert_eq!(answer, whole(HELLO).await);
    }

    #[tokio::test]
    async fn a_stream_says_the_same_as_the_plain_answer() {
        let plain = whole(HELLO).await;

        let frames = streamed(HELLO).await;

        let (done, chunks) = frames.split_last().unwrap();
        assert!(matches!(done.says(), Says::Done));
        let chunks: Vec<Value> = chunks.iter().map(payload).collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(plain["choices"][0]["message"]["content"], text);
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(
            chunks.last().unwrap()["choices"][0]["finish_reason"],
            "stop"
        );
        assert!(chunks.len() > 10 && chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }

    #[tokio::test]
    async fn usage_comes_in_a_chunk_of_its_own_if_it_is_asked_for() {
        let members = format!(r#"{HELLO},"stream_options":{{"include_usage":true}}"#);

        let frames = streamed(&members).await;

        let [chunks @ .., usage, _done] = frames.as_slice() else {
            panic!("the stream is too short");
        };
        assert!(
            chunks
                .iter()
                .all(|frame| payload(frame)["usage"] == Value::Null)
        );
        let usage = payload(usage);
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"], whole(HELLO).await["usage"]);
    }

    #[tokio::test]
    async fn a_limit_on_tokens_ends_the_answer_early() {
        let answer = whole(&format!(r#"{HELLO},"max_tokens":3"#)).await;

        assert_eq!(answer["choices"][0]["message"]["content"], "This is a ");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], 3);
    }

    #[tokio::test]
    async fn every_choice_that_is_asked_for_is_answered() {
        let members = format!(r#"{HELLO},"n":3"#);

        let answer = whole(&members).await;
        let mut choices = Choices::default();
        for frame in streamed(&members).await {
            if let Says::Chunk(chunk) = frame.says() {
                choices.merge(&chunk.choices);
            }
        }

        assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
        assert!(choices.are_finished(1));
    }

    #[tokio::test]
    async fn a_foreign_number_of_choices_is_refused() {
        for n in ["0", "129", "18446744073709551615"] {
            let request = request(&format!(r#"{HELLO},"n":{n}"#));

            let refused = offline()
                .complete(&request, &Sent::default())
                .await
                .unwrap_err();

            let Failure::Refused(refusal) = refused else {
                panic!("{n} is not refused");
            };
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
            assert!(
                refusal
                    .complaint()
                    .unwrap()
                    .message
                    .unwrap()
                    .contains("`n`")
            );
        }
    }

    #[tokio::test]
    async fn messages_that_cannot_be_read_are_answered_all_the_same() {
        for messages in [
            "[]",
            "[7]",
            r#"[{"role":7}]"#,
            r#"[{"role":"user","content":1e400}]"#,
        ] {
            let answer = whole(&format!(r#""messages":{messages}"#)).await;

            let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
            assert!(!text.contains("You wrote"));
        }
    }

    #[tokio::test]
    async fn there_is_one_model() {
        let models = offline().models().await.unwrap();

        assert_eq!(models[0].id, "offline");
        assert!(models[0].json.get().contains("concierge"));
    }
}
