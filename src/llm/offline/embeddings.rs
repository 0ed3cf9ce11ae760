//! Vectors by rule: texts that share words lie near each other, and equal ones are equal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::refused;
use super::said::pieces;
use crate::llm::Failure;

/// Of a vector, where the request does not say.
const DIMENSIONS: usize = 256;
const MOST_DIMENSIONS: usize = 4_096;
/// OpenAI's own limit on the inputs of one request.
const MOST_INPUTS: usize = 2_048;

/// What a request says besides its model.
#[derive(Deserialize)]
struct Asked {
    input: Inputs,
    dimensions: Option<usize>,
    #[serde(default)]
    encoding_format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u64>),
    Lists(Vec<Vec<u64>>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    #[serde(rename = "embedding")]
    vector: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// The answer to a request, in OpenAI's wire shape.
pub(super) fn answer(body: &[u8], model: &str) -> Result<String, Failure> {
    let asked: Asked = serde_json::from_slice(body).map_err(|_| {
        let rule = "`input` must be text, tokens, or a list of either; `dimensions` a whole number; \
                    and `encoding_format` float or base64.";
        refused("input", rule)
    })?;
    let inputs = asked.input.words();
    if !(1..=MOST_INPUTS).contains(&inputs.len()) {
        return Err(refused("input", "`input` must hold 1 to 2048 inputs."));
    }
    let dimensions = asked.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        let rule = "`dimensions` must be between 1 and 4096.";
        return Err(refused("dimensions", rule));
    }
    let format = asked.encoding_format.unwrap_or(Format::Float);
    let tokens = inputs.iter().map(Vec::len).sum();
    let embedding = |(index, words): (usize, &Vec<String>)| Embedding {
        object: "embedding",
        index,
        vector: Vector::of(words, dimensions, format),
    };
    let list = List {
        object: "list",
        data: inputs.iter().enumerate().map(embedding).collect(),
        model,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    };
    serde_json::to_string(&list).map_err(|_| Failure::Garbled("it is no JSON"))
}

impl Inputs {
    /// The words of each input; a token is a word.
    fn words(self) -> Vec<Vec<String>> {
        let numbers = |tokens: Vec<u64>| tokens.iter().map(u64::to_string).collect();
        match self {
            Self::Text(text) => vec![words(&text)],
            Self::Texts(texts) => texts.iter().map(|text| words(text)).collect(),
            Self::Tokens(tokens) => vec![numbers(tokens)],
            Self::Lists(lists) => lists.into_iter().map(numbers).collect(),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let pieces = pieces(text).into_iter();
    pieces.map(|piece| piece.trim().to_lowercase()).collect()
}

impl Vector {
    /// Each word pulls in a direction of its own; the sum has the length 1.
    fn of(words: &[String], dimensions: usize, format: Format) -> Self {
        let mut sum = vec![0.0_f32; dimensions];
        for word in words {
            let hash = crc32fast::hash(word.as_bytes());
            let sign = if hash & 1 == 0 { 1.0 } else { -1.0 };
            sum[(hash >> 1) as usize % dimensions] += sign;
        }
        let length = sum.iter().map(|part| part * part).sum::<f32>().sqrt();
        if length > 0.0 {
            for part in &mut sum {
                *part /= length;
            }
        } else {
            sum[0] = 1.0;
        }
        match format {
            Format::Float => Self::Floats(sum),
            Format::Base64 => {
                let bytes: Vec<u8> = sum.iter().flat_map(|part| part.to_le_bytes()).collect();
                Self::Base64(STANDARD.encode(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn embedded(members: &str) -> Value {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        serde_json::from_str(&answer(body.as_bytes(), "m").unwrap()).unwrap()
    }

    fn vector(members: &str) -> Vec<f64> {
        let answer = embedded(members);
        let parts = answer["data"][0]["embedding"].as_array().unwrap().iter();
        parts.map(|part| part.as_f64().unwrap()).collect()
    }

    fn likeness(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(|text| vector(&format!(r#""input":"{text}""#)));
        one.iter().zip(&other).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn vectors_have_the_length_one_and_texts_alike_lie_near() {
        assert_eq!(vector(r#""input":"hello there""#).len(), 256);
        assert!((likeness("the cat sat", "the cat sat") - 1.0).abs() < 1e-4);
        assert!((likeness("", " ").abs() - 1.0).abs() < 1e-4);
        assert!(likeness("the cat sat", "the cat ran") > likeness("the cat sat", "blue whale"));
    }

    #[test]
    fn every_input_has_its_vector_and_every_word_is_counted() {
        let texts = embedded(r#""input":["one two","three"]"#);
        let tokens = embedded(r#""input":[[1,2],[3]]"#);

        for answer in [texts, tokens] {
            assert_eq!(answer["data"].as_array().unwrap().len(), 2);
            assert_eq!(answer["data"][1]["index"], 1);
            assert_eq!(answer["usage"]["prompt_tokens"], 3);
            assert_eq!(answer["usage"]["total_tokens"], 3);
        }
        assert_eq!(
            embedded(r#""input":[1,2,3]"#)["data"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn base64_is_the_same_vector() {
        let floats = vector(r#""input":"a b","dimensions":8"#);
        let answer = embedded(r#""input":"a b","dimensions":8,"encoding_format":"base64""#);

        let text = answer["data"][0]["embedding"].as_str().unwrap();
        let bytes = STANDARD.decode(text).unwrap();
        let read: Vec<f64> = bytes
            .chunks(4)
            .map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())))
            .collect();
        assert_eq!(read.len(), 8);
        for (one, other) in read.iter().zip(&floats) {
            assert!((one - other).abs() < 1e-6);
        }
    }

    #[test]
    fn what_no_vector_can_be_made_for_is_refused() {
        for members in [
            r#""input":[]"#,
            r#""input":[1,"a"]"#,
            r#""input":{}"#,
            r#""input":"a","dimensions":0"#,
            r#""input":"a","dimensions":5000"#,
            r#""input":"a","encoding_format":"text""#,
        ] {
            let body = format!("{{{members}}}");

            let refused = answer(body.as_bytes(), "m");

            assert!(matches!(refused, Err(Failure::Refused(_))), "{members}");
        }
    }
}
