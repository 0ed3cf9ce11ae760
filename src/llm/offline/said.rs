//! What was said in a request, read leniently.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// How many characters a piece of text has at most, which counts as a token.
const PIECE: usize = 8;

/// The conversation so far, as far as it can be read.
pub(super) struct Said<'a>(Vec<Message<'a>>);

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    content: Option<Value>,
}

impl<'a> Said<'a> {
    pub(super) fn read(messages: &'a str) -> Self {
        Self(serde_json::from_str(messages).unwrap_or_default())
    }

    pub(super) fn last_user_text(&self) -> String {
        let is_user = |message: &&Message<'_>| message.role.as_deref() == Some("user");
        let last = self.0.iter().rfind(is_user);
        last.map(Message::text).unwrap_or_default()
    }

    pub(super) fn tokens(&self) -> u64 {
        let texts = self.0.iter().map(Message::text);
        texts.map(|text| pieces(&text).len() as u64).sum()
    }
}

impl Message<'_> {
    fn text(&self) -> String {
        match &self.content {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }
}

/// Words, each with the white space after it, and long ones in pieces. Joined they are the text.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    for mut word in text.split_inclusive(char::is_whitespace) {
        while let Some((at, _)) = word.char_indices().nth(PIECE) {
            let (piece, rest) = word.split_at(at);
            pieces.push(piece);
            word = rest;
        }
        pieces.push(word);
    }
    pieces
}
