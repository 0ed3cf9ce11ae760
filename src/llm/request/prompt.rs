//! How large a prompt is, for an estimate of its tokens.

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::llm::json::{Array, Members, Name, Object, Sum};

/// What a prompt is made of. Everything counts, a member that occurs twice too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptSize {
    pub messages: u64,
    /// Characters of text.
    pub characters: u64,
    pub images: u64,
    /// What came as tokens.
    pub tokens: u64,
}

impl PromptSize {
    /// Sums up a `messages` array. One that is not made of messages counts by its length.
    pub(super) fn of(messages: &str) -> Self {
        match serde_json::from_str::<Array<Self>>(messages) {
            Ok(Array(size)) => size,
            Err(_) => Self {
                messages: 1,
                characters: messages.len() as u64,
                ..Self::default()
            },
        }
    }

    /// Sums up the `input` of a request for embeddings: a text, tokens, or many of either.
    pub(super) fn of_input(input: &str) -> Self {
        let mut size = Self::default();
        if input.starts_with('"') {
            size.characters = characters(input);
        } else if let Ok(Array(Inputs(inputs))) = serde_json::from_str(input) {
            size = inputs;
        }
        size
    }
}

#[derive(Default)]
struct Inputs(PromptSize);

impl<'de> Sum<'de> for Inputs {
    type Item = &'de RawValue;

    fn add(&mut self, input: Self::Item) {
        match input.get().as_bytes().first() {
            Some(b'"') => self.0.characters += characters(input.get()),
            Some(b'[') => self.0.tokens += tokens(input.get()),
            _ => self.0.tokens += 1,
        }
    }
}

#[derive(Default)]
struct Count(u64);

impl Sum<'_> for Count {
    type Item = IgnoredAny;

    fn add(&mut self, _: Self::Item) {
        self.0 += 1;
    }
}

fn tokens(array: &str) -> u64 {
    serde_json::from_str(array).map_or(0, |Array(Count(tokens))| tokens)
}

impl Sum<'_> for PromptSize {
    type Item = Object<Message>;

    fn add(&mut self, Object(message): Self::Item) {
        self.messages += 1;
        self.characters += message.0.characters;
        self.images += message.0.images;
    }
}

/// One message, as the size of its content.
#[derive(Default)]
pub(in crate::llm) struct Message(PromptSize);

impl<'de> Members<'de> for Message {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut message = Self::default();
        while let Some(is_content) =
            members.next_key_seed(Name(|name: &[u8]| name == b"content"))?
        {
            if is_content {
                message.0.content(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(message)
    }
}

impl PromptSize {
    /// Adds a content: a text, or an array of parts.
    fn content(&mut self, content: &RawValue) {
        match content.get().as_bytes().first() {
            Some(b'"') => self.characters += characters(content.get()),
            Some(b'[') => match serde_json::from_str::<Array<Parts>>(content.get()) {
                Ok(Array(Parts(parts))) => {
                    self.characters += parts.characters;
                    self.images += parts.images;
                }
                Err(_) => self.characters += content.get().len() as u64,
            },
            _ => {}
        }
    }
}

#[derive(Default)]
struct Parts(PromptSize);

impl Sum<'_> for Parts {
    type Item = Object<Part>;

    fn add(&mut self, Object(part): Self::Item) {
        self.0.characters += part.characters;
        self.0.images += u64::from(part.is_image);
    }
}

#[derive(Default)]
struct Part {
    characters: u64,
    is_image: bool,
}

enum PartName {
    Text,
    Image,
    Other,
}

impl<'de> Members<'de> for Part {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut part = Self::default();
        let name = |name: &[u8]| match name {
            b"text" => PartName::Text,
            b"image_url" => PartName::Image,
            _ => PartName::Other,
        };
        while let Some(name) = members.next_key_seed(Name(name))? {
            match name {
                PartName::Text => part.characters += text(members.next_value()?),
                PartName::Image => {
                    members.next_value::<IgnoredAny>()?;
                    part.is_image = true;
                }
                PartName::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(part)
    }
}

fn text(value: &RawValue) -> u64 {
    if value.get().starts_with('"') {
        characters(value.get())
    } else {
        0
    }
}

/// How many characters a JSON string stands for, without decoding it.
fn characters(string: &str) -> u64 {
    let mut count = string.chars().count().saturating_sub(2);
    let bytes = string.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = &bytes[at + found..];
        let length = if escape.get(1) == Some(&b'u') { 6 } else { 2 };
        // The second half of a surrogate pair belongs to the character of the first.
        let stands_for = usize::from(!is_low_surrogate(escape));
        count = count.saturating_sub(length - stands_for);
        at += found + length;
    }
    count as u64
}

fn is_low_surrogate(escape: &[u8]) -> bool {
    matches!(
        escape,
        [b'\\', b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..]
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(messages: u64, characters: u64, images: u64) -> PromptSize {
        PromptSize {
            messages,
            characters,
            images,
            tokens: 0,
        }
    }

    #[test]
    fn an_input_is_texts_or_tokens() {
        let input = |characters, tokens| PromptSize {
            characters,
            tokens,
            ..PromptSize::default()
        };
        for (json, wanted) in [
            (r#""""#, input(0, 0)),
            (r#""h\u00e9""#, input(2, 0)),
            (r#"["ab", "c"]"#, input(3, 0)),
            ("[1, 2,3]", input(0, 3)),
            (r#"[[1,2],[3],[],"ab"]"#, input(2, 3)),
            ("[]", input(0, 0)),
        ] {
            assert_eq!(PromptSize::of_input(json), wanted, "{json}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(PromptSize::of_input(&deep), input(0, 1));
    }

    #[test]
    fn texts_and_text_parts_are_counted_in_characters() {
        let messages = r#"[
            {"role":"system","content":"Grüße"},
            {"role":"user","content":[
                {"type":"text","text":"a\nb\u00e9\ud83d\ude00"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"x"}]}]"#;

        assert_eq!(PromptSize::of(messages), size(3, 10, 1));
    }

    #[test]
    fn a_content_that_occurs_twice_counts_twice() {
        let messages = r#"[{"content":"abc","c\u006fntent":"defg"}]"#;

        assert_eq!(PromptSize::of(messages), size(1, 7, 0));
    }

    #[test]
    fn what_is_no_message_counts_by_its_length() {
        assert_eq!(PromptSize::of("[1,2]"), size(1, 5, 0));
        assert_eq!(PromptSize::of(r#"[{"content":[7]}]"#), size(1, 3, 0));
    }

    #[test]
    fn deep_nesting_is_neither_a_stack_overflow_nor_slow() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));

        assert_eq!(PromptSize::of(&deep).characters, 200_002);
    }

    proptest! {
        #[test]
        fn escapes_count_as_what_they_stand_for(text in any::<String>()) {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            let ascii = units.collect::<Vec<_>>().concat();

            let plain = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(characters(&plain), text.chars().count() as u64);
            prop_assert_eq!(characters(&format!("\"{ascii}\"")), text.chars().count() as u64);
        }
    }
}
