//! How a message is written down as mail (RFC 5322): plain text, for one person, by a machine.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::Message;

/// The longest line that needs no encoding, in bytes (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// Of encoded text.
const LINE: usize = 76;
/// Bytes of one encoded word, which may have 75 characters (RFC 2047 §2).
const WORD: usize = 39;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// Empty where there is none.
    pub(super) name: String,
    pub(super) address: String,
}

impl Sender {
    /// `hello@example.com`, or `Concierge <hello@example.com>`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(char::is_control) {
            return None;
        }
        let Some((name, rest)) = text.split_once('<') else {
            return Some(Self {
                name: String::new(),
                address: text.trim().to_owned(),
            });
        };
        Some(Self {
            name: name.trim().trim_matches('"').to_owned(),
            address: rest.trim().strip_suffix('>')?.trim().to_owned(),
        })
    }

    fn host(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, host)| host)
    }

    fn header(&self) -> String {
        if self.name.is_empty() {
            return self.address.clone();
        }
        let name = if self.name.is_ascii() {
            let escaped = self.name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"")
        } else {
            words(&self.name)
        };
        format!("{name} <{}>", self.address)
    }
}

/// The whole letter, its lines ending in CRLF.
pub(super) fn written(from: &Sender, message: &Message) -> String {
    let mut letter = String::new();
    let mut header = |name: &str, value: &str| {
        write!(letter, "{name}: {value}\r\n").ok();
    };
    header("From", &from.header());
    header("To", &message.to);
    header("Subject", &subject(&message.subject));
    header("Date", &date(message.written_at));
    header("Message-ID", &format!("<{}@{}>", message.id, from.host()));
    header("MIME-Version", "1.0");
    header("Content-Type", "text/plain; charset=utf-8");
    // No machine is to answer this one (RFC 3834).
    header("Auto-Submitted", "auto-generated");
    if is_plain(&message.text) {
        header("Content-Transfer-Encoding", "7bit");
        letter.push_str("\r\n");
        letter.push_str(&message.text.replace('\n', "\r\n"));
    } else {
        header("Content-Transfer-Encoding", "base64");
        letter.push_str("\r\n");
        letter.push_str(&folded(&message.text));
    }
    letter.push_str("\r\n");
    letter
}

fn is_plain(text: &str) -> bool {
    let is_usual = |letter: char| letter == '\n' || (letter.is_ascii() && !letter.is_control());
    text.chars().all(is_usual) && text.lines().all(|line| line.len() <= LONGEST_LINE)
}

fn folded(text: &str) -> String {
    let encoded = STANDARD.encode(text.replace('\n', "\r\n"));
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE * 2);
    for (place, letter) in encoded.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            lines.push_str("\r\n");
        }
        lines.push(letter);
    }
    lines
}

/// A subject is ours but for the product's name.
fn subject(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if text.is_ascii() { text } else { words(&text) }
}

/// Encoded words, none of which cuts a character in two.
fn words(text: &str) -> String {
    let mut pieces = vec![String::new()];
    for letter in text.chars() {
        let is_full = pieces
            .last()
            .is_some_and(|piece| piece.len() + letter.len_utf8() > WORD);
        if is_full {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
    }
    let encoded = pieces
        .iter()
        .map(|piece| format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

fn date(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = moment.and_then(|moment| moment.format(&Rfc2822).ok());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, text: &str) -> Message {
        Message {
            id: "17".to_owned(),
            to: "ada@example.com".to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            written_at: 1_795_253_400,
        }
    }

    #[test]
    fn a_letter_in_ascii_is_written_as_it_is() {
        let from = Sender::parse("Concierge <hello@example.org>").unwrap();

        let letter = written(&from, &message("Hello", "One.\nTwo.\n"));

        assert_eq!(
            letter,
            "From: \"Concierge\" <hello@example.org>\r\nTo: ada@example.com\r\nSubject: Hello\r\n\
             Date: Sat, 21 Nov 2026 09:30:00 +0000\r\nMessage-ID: <17@example.org>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Auto-Submitted: auto-generated\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             One.\r\nTwo.\r\n\r\n"
        );
    }

    #[test]
    fn any_other_letter_is_encoded_and_no_character_is_cut() {
        let from = Sender::parse("Bücherei <hello@example.org>").unwrap();
        let long = "ü".repeat(100);

        let letter = written(&from, &message(&long, &long));

        assert!(letter.is_ascii());
        assert!(letter.lines().all(|line| line.len() <= 78), "{letter}");
        assert!(letter.contains("From: =?utf-8?B?QsO8Y2hlcmVp?= <hello@example.org>"));
        let body = letter.split_once("\r\n\r\n").unwrap().1.replace("\r\n", "");
        assert_eq!(STANDARD.decode(body).unwrap(), long.as_bytes());
    }

    #[test]
    fn a_name_breaks_out_of_no_header() {
        assert_eq!(Sender::parse("a\r\nBcc: b@c.d <e@f.g>"), None);
        let quoted = Sender::parse("A \"B\" C <e@f.g>").unwrap();
        assert_eq!(quoted.header(), "\"A \\\"B\\\" C\" <e@f.g>");
        let letter = written(&quoted, &message("x\r\nBcc: b@c.d", "."));
        assert!(letter.contains("Subject: xBcc: b@c.d\r\n"));
    }
}
