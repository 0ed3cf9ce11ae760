//! The documented edits of an answer, as splices into its bytes.

use bytes::Bytes;

use super::chunk::Chunk;
use super::frame::{Frame, Says};
use super::json::{self, Edit, Span};
use super::reply::Reply;

/// How what the caller sees differs from what the upstream sent.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// The public name as a JSON string.
    model: Option<Box<str>>,
    hides_usage: bool,
}

impl Edits {
    /// No edits at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Puts the public name in the place of the upstream's.
    #[must_use]
    pub fn renaming(mut self, public: &str) -> Self {
        self.model = Some(json::quoted(public).into());
        self
    }

    /// Takes usage out of a stream.
    #[must_use]
    pub fn hiding_usage(mut self) -> Self {
        self.hides_usage = true;
        self
    }

    /// What goes on of a frame: its bytes, its bytes with edits, or nothing. What cannot be read, and
    /// data over several lines, goes on as it is.
    pub fn frame(&self, frame: Frame) -> Option<Bytes> {
        if self.model.is_none() && !self.hides_usage {
            return Some(frame.into_bytes());
        }
        let Says::Chunk(chunk) = frame.says() else {
            return Some(frame.into_bytes());
        };
        if self.hides_usage && chunk.is_bare_usage {
            return None;
        }
        match self.of(chunk, frame.bytes()).as_slice() {
            [] => Some(frame.into_bytes()),
            edits => Some(json::splice(frame.bytes(), edits)),
        }
    }

    /// What goes on of a plain answer.
    pub fn reply(&self, reply: &Reply) -> Bytes {
        match self.rename(reply.model_at.as_ref()) {
            Some(edit) => json::splice(&reply.body, &[edit]),
            None => reply.body.clone(),
        }
    }

    fn of(&self, chunk: &Chunk, bytes: &[u8]) -> Vec<Edit<'_>> {
        let usage = chunk.usage_at.as_ref().filter(|_| self.hides_usage);
        let cut = usage.map(|value| (json::member(bytes, value), ""));
        let rename = self.rename(chunk.model_at.as_ref());
        let mut edits: Vec<Edit<'_>> = cut.into_iter().chain(rename).collect();
        edits.sort_by_key(|(at, _)| at.start);
        edits
    }

    fn rename(&self, model_at: Option<&Span>) -> Option<Edit<'_>> {
        Some((model_at?.clone(), self.model.as_deref()?))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn passed(edits: &Edits, frame: &str) -> Option<String> {
        let frame = Frame::whole(Bytes::copy_from_slice(frame.as_bytes()));
        let bytes = edits.frame(frame)?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn hidden(frame: &str) -> Option<String> {
        passed(&Edits::none().hiding_usage(), frame)
    }

    #[test]
    fn usage_is_cut_wherever_it_stands_and_however_it_is_spelled() {
        for (frame, wanted) in [
            (
                "data: {\"usage\":null,\"choices\":[{}]}\n\n",
                "data: {\"choices\":[{}]}\n\n",
            ),
            (
                "data: {\"choices\":[{}],\"usage\":{\"x\":1},\"z\": 1.0}\r\n\r\n",
                "data: {\"choices\":[{}],\"z\": 1.0}\r\n\r\n",
            ),
            (
                ": c\ndata:{ \"choices\":[{}] , \"\\u0075sag\\u0065\" : null }\n\n",
                ": c\ndata:{ \"choices\":[{}]  }\n\n",
            ),
            ("data: {\"usage\":null}\n\n", "data: {}\n\n"),
        ] {
            assert_eq!(hidden(frame).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn a_usage_further_down_is_not_ours_to_cut() {
        let frame = "data: {\"choices\":[{\"usage\":1}],\"x_groq\":{\"usage\":{}}}\n\n";

        assert_eq!(hidden(frame).as_deref(), Some(frame));
    }

    #[test]
    fn a_bare_usage_frame_is_dropped_only_if_usage_is_hidden() {
        let frame = "data: {\"id\":\"a\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";

        assert_eq!(hidden(frame), None);
        assert_eq!(passed(&Edits::none(), frame).as_deref(), Some(frame));
    }

    #[test]
    fn the_public_name_replaces_one_that_is_not_empty() {
        let edits = Edits::none().renaming("my \"own\"").hiding_usage();

        assert_eq!(
            passed(
                &edits,
                "data: {\"usage\":null,\"model\" : \"up\",\"choices\":[{}]}\n\n"
            )
            .unwrap(),
            "data: {\"model\" : \"my \\\"own\\\"\",\"choices\":[{}]}\n\n"
        );
        let empty = "data: {\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n";
        assert_eq!(passed(&edits, empty).unwrap(), empty);
    }

    #[test]
    fn what_cannot_be_edited_passes_as_it_is() {
        let edits = Edits::none().renaming("public").hiding_usage();

        for frame in [
            "data: hello\n\n",
            "data: [DONE]\n\n",
            ": usage\n\n",
            "data: {\"usage\":null,\ndata: \"model\":\"up\",\"choices\":[{}]}\n\n",
            "data: {\"usage\":null,\"usage\":null}\n\n",
        ] {
            assert_eq!(passed(&edits, frame).as_deref(), Some(frame));
        }
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_edited() {
        let bytes = Bytes::from_static(b"data: {\"choices\":[{}]}\n\n");
        let edits = Edits::none().renaming("public").hiding_usage();

        let passed = edits.frame(Frame::whole(bytes.clone())).unwrap();

        assert_eq!(passed.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn a_plain_answer_keeps_its_usage_and_gets_the_public_name() {
        let body =
            Bytes::from_static(b"{ \"usage\":{\"prompt_tokens\":2},\"model\":\"up\",\"n\":1e400 }");
        let reply = Reply::read(StatusCode::OK, HeaderMap::new(), body.clone()).unwrap();

        let edited = Edits::none().renaming("public").reply(&reply);

        assert_eq!(
            edited,
            "{ \"usage\":{\"prompt_tokens\":2},\"model\":\"public\",\"n\":1e400 }"
        );
        assert_eq!(reply.usage.unwrap().prompt, 2);
        assert_eq!(Edits::none().reply(&reply).as_ptr(), body.as_ptr());
    }

    proptest! {
        #[test]
        fn an_edited_frame_differs_in_the_edited_members_alone(
            extra in prop::collection::hash_map("[a-z]{0,3}é", any::<Option<String>>(), 0..4),
            usage in any::<Option<i64>>(), model in "\\PC{1,6}", public in any::<String>(),
        ) {
            let mut chunk: Map<String, Value> =
                extra.into_iter().map(|(name, value)| (name, json!(value))).collect();
            chunk.insert("model".into(), json!(model));
            chunk.insert("usage".into(), json!(usage));
            chunk.insert("choices".into(), json!([{"index": 0}]));
            let frame = format!("data: {}\n\n", Value::Object(chunk.clone()));

            let edited = passed(&Edits::none().renaming(&public).hiding_usage(), &frame).unwrap();

            chunk.remove("usage");
            chunk.insert("model".into(), json!(public));
            let payload = edited.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
            prop_assert_eq!(serde_json::from_str::<Map<String, Value>>(payload).unwrap(), chunk);
        }

        #[test]
        fn no_bytes_make_an_edit_panic(
            before in prop::collection::vec(any::<u8>(), 0..20), at in 0usize..60, byte in any::<u8>(),
        ) {
            let mut frame = b"data: {\"model\":\"m\",\"usage\":{\"a\":1},\"choices\":[{\"delta\":{}}]}\n\n".to_vec();
            frame[at] = byte;
            let frame = [before, frame].concat();

            let _ = Edits::none().renaming("x").hiding_usage().frame(Frame::whole(frame.into()));
        }
    }
}
