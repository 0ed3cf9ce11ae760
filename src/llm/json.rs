//! JSON read without being rebuilt: members by name, values by where they stand, edits as splices.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Where a part stands in a whole, in bytes.
pub(super) type Span = Range<usize>;

/// A replacement of one span; an empty span inserts.
pub(super) type Edit<'a> = (Span, &'a str);

/// What is read off an object, member by member; unknown members are skipped, never judged.
pub(super) trait Members<'de>: Sized {
    fn read<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error>;
}

/// A JSON object that is read by its members.
pub(super) struct Object<T>(pub(super) T);

/// What is summed up over the items of an array, without keeping them.
pub(super) trait Sum<'de>: Default {
    type Item: Deserialize<'de>;

    fn add(&mut self, item: Self::Item);
}

/// A JSON array that is summed up.
#[derive(Default)]
pub(super) struct Array<T>(pub(super) T);

/// Tells a member's name by its decoded bytes, so that an escaped spelling is the same name. Bytes,
/// because a name that we do not know may hold a lone surrogate.
pub(super) struct Name<F>(pub(super) F);

impl<'de, T: Members<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de, T: Sum<'de>> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ArrayVisitor(PhantomData))
    }
}

impl<'de, N, F: FnOnce(&[u8]) -> N> DeserializeSeed<'de> for Name<F> {
    type Value = N;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<N, D::Error> {
        // As it stands first: asked for bytes alone, the parser lets bare control characters pass.
        let quoted = <&RawValue>::deserialize(deserializer)?.get();
        let name = &quoted.as_bytes()[1..quoted.len() - 1];
        if memchr::memchr(b'\\', name).is_none() {
            return Ok((self.0)(name));
        }
        let mut escaped = serde_json::Deserializer::from_str(quoted);
        escaped.deserialize_bytes(self).map_err(D::Error::custom)
    }
}

impl<N, F: FnOnce(&[u8]) -> N> Visitor<'_> for Name<F> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<N, E> {
        Ok((self.0)(name))
    }
}

/// Whether who does not mind the case reads a member of this name as `wanted`, which is lower case. They
/// fold as Go does, to whom the long s and the sign of the kelvin are letters, too.
pub(super) fn is_read_as(name: &[u8], wanted: &str) -> bool {
    let folded = |letter: char| match letter {
        'ſ' => 's',
        '\u{212A}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    std::str::from_utf8(name).is_ok_and(|name| name.chars().map(folded).eq(wanted.chars()))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Members<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::read(members).map(Object)
    }
}

struct ArrayVisitor<T>(PhantomData<T>);

impl<'de, T: Sum<'de>> Visitor<'de> for ArrayVisitor<T> {
    type Value = Array<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut sum = T::default();
        while let Some(item) = items.next_element()? {
            sum.add(item);
        }
        Ok(Array(sum))
    }
}

/// Where `part`, which was borrowed from `whole`, stands in it.
pub(super) fn span(whole: &[u8], part: &str) -> Span {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// The span of the member whose value stands at `value`, with the one comma that goes with it.
pub(super) fn member(whole: &[u8], value: &Span) -> Span {
    let name = name_start(&whole[..value.start]);
    let after = &whole[value.end..];
    let before = &whole[..name];

    if let Some(comma) = after.iter().position(|byte| !is_space(*byte))
        && after[comma] == b','
    {
        return name..value.end + comma + 1;
    }
    match before.iter().rposition(|byte| !is_space(*byte)) {
        Some(comma) if before[comma] == b',' => comma..value.end,
        _ => name..value.end,
    }
}

/// Where the last quoted name before a value begins. The names that we look for hold no quote, so
/// neither does any spelling of them.
fn name_start(before: &[u8]) -> usize {
    let close = memchr::memrchr(b'"', before).unwrap_or_default();
    memchr::memrchr(b'"', &before[..close]).unwrap_or_default()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Applies edits that stand in order and do not overlap; every other byte stays as it is.
pub(super) fn splice(whole: &[u8], edits: &[Edit<'_>]) -> Bytes {
    let added: usize = edits.iter().map(|(_, with)| with.len()).sum();
    let mut spliced = BytesMut::with_capacity(whole.len() + added);
    let mut at = 0;
    for (span, with) in edits {
        spliced.extend_from_slice(&whole[at..span.start]);
        spliced.extend_from_slice(with.as_bytes());
        at = span.end;
    }
    spliced.extend_from_slice(&whole[at..]);
    spliced.freeze()
}

/// Where a span of the whole stands once the edits are made.
pub(super) fn moved(span: &Span, edits: &[Edit<'_>]) -> Span {
    let shift = |place: usize| {
        let passed = edits.iter().filter(|(at, _)| at.end <= place);
        passed.fold(place, |place, (at, with)| place + with.len() - at.len())
    };
    shift(span.start)..shift(span.end)
}

/// Whether a value says nothing: null, false, and what is empty between its marks.
pub(super) fn is_empty(value: &str) -> bool {
    let inside = match value.as_bytes() {
        [b'"', inside @ .., b'"'] => return inside.is_empty(),
        [b'[', inside @ .., b']'] | [b'{', inside @ .., b'}'] => inside,
        _ => return matches!(value, "null" | "false"),
    };
    inside.iter().all(u8::is_ascii_whitespace)
}

/// A text as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str, value: &str) -> String {
        let start = text.find(value).unwrap();
        let cut = member(text.as_bytes(), &(start..start + value.len()));
        format!("{}{}", &text[..cut.start], &text[cut.end..])
    }

    #[test]
    fn a_member_leaves_with_exactly_one_comma() {
        assert_eq!(without(r#"{"a":1,"b":2,"c":3}"#, "1"), r#"{"b":2,"c":3}"#);
        assert_eq!(without(r#"{"a":1,"b":2,"c":3}"#, "2"), r#"{"a":1,"c":3}"#);
        assert_eq!(without(r#"{"a":1,"b":2,"c":3}"#, "3"), r#"{"a":1,"b":2}"#);
        assert_eq!(without(r#"{ "a" : 1 }"#, "1"), "{  }");
        assert_eq!(without("{\"a\":1 ,\n \"b\"\t: 2 }", "2"), "{\"a\":1  }");
    }

    #[test]
    fn a_span_moves_with_the_edits_before_it() {
        let whole = b"0123456789";
        let edits = [(1..1, "abc"), (4..6, ""), (8..9, "xyz")];

        let spliced = splice(whole, &edits);

        assert_eq!(&spliced[..], b"0abc12367xyz9");
        assert_eq!(&spliced[moved(&(2..4), &edits)], b"23");
        assert_eq!(&spliced[moved(&(6..8), &edits)], b"67");
        assert_eq!(&spliced[moved(&(8..9), &edits)], b"xyz");
    }

    #[test]
    fn a_quoted_text_is_a_json_string() {
        assert_eq!(quoted("a\"b\\\n\u{1}é"), r#""a\"b\\\n\u0001é""#);
    }
}
