//! What a caller would rather be answered with (RFC 9110 §12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// How much a type is wanted, in thousandths, and its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    quality: u16,
    place: usize,
}

/// Whether the caller names this type, and does not name it to refuse it.
pub fn names(headers: &HeaderMap, kind: &str) -> bool {
    wish(headers, |range| range == kind).is_some_and(|wish| wish.quality > 0)
}

/// Whether the caller names `kind` and does not want `other` more. Where both are wanted alike,
/// the first counts.
pub fn prefers(headers: &HeaderMap, kind: &str, other: &str) -> bool {
    let Some(wanted) = wish(headers, |range| range == kind) else {
        return false;
    };
    let rival = wish(headers, |range| range == other);
    let group = other.split('/').next().unwrap_or_default();
    let any = || wish(headers, |range| range.strip_suffix("/*") == Some(group));
    let all = || wish(headers, |range| range == "*/*");
    let is_first = rival.is_none_or(|rival| wanted.place < rival.place);
    let rival = rival.or_else(any).or_else(all);
    let rival = rival.map_or(0, |rival| rival.quality);
    wanted.quality > 0 && (wanted.quality > rival || (wanted.quality == rival && is_first))
}

fn wish(headers: &HeaderMap, is_meant: impl Fn(&str) -> bool) -> Option<Wish> {
    let values = headers.get_all(ACCEPT).iter();
    let ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.enumerate().find_map(|(place, range)| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        is_meant(&name).then(|| Wish {
            quality: quality(parts),
            place,
        })
    })
}

/// Of `q=0.75`, 750. What cannot be read counts as nothing said: 1000.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let said = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = name
            .trim()
            .eq_ignore_ascii_case("q")
            .then(|| value.trim())?;
        let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
        let thousandths = format!("{fraction:0<3}").get(..3)?.parse::<u16>().ok()?;
        Some(whole.parse::<u16>().ok()?.checked_mul(1_000)? + thousandths)
    });
    said.map_or(1_000, |quality| quality.min(1_000))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepting(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(text))])
    }

    fn prefers_html(text: &'static str) -> bool {
        prefers(&accepting(text), "text/html", "application/json")
    }

    #[test]
    fn the_better_wish_counts_and_the_first_of_equals() {
        assert!(prefers_html("text/html, application/json"));
        assert!(!prefers_html("application/json, text/html"));
        assert!(prefers_html("application/json;q=0.8, text/html;q=0.85"));
        assert!(prefers_html("text/html;q=0.9, */*;q=0.8"));
        assert!(!prefers_html("text/html;q=0.1, application/*"));
        assert!(prefers_html("*/*, Text/HTML ; level=1 ; Q=1.000"));
    }

    #[test]
    fn nothing_is_wanted_that_is_not_named() {
        assert!(!prefers(&HeaderMap::new(), "text/html", "application/json"));
        for text in ["", "*/*", "text/*", "text/html;q=0", "text/html;q=0.0"] {
            assert!(!prefers_html(text), "{text}");
        }
        assert!(!names(&accepting("*/*"), "text/html"));
        assert!(names(&accepting("a/b, text/html;q=0.001"), "text/html"));
    }

    #[test]
    fn a_quality_that_cannot_be_read_is_none() {
        for text in [
            "text/html;q=x",
            "text/html;q=99999",
            "text/html;q",
            "text/html;q=1.é",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            let is_ascii = text.is_ascii();
            assert_eq!(names(&headers, "text/html"), is_ascii, "{text}");
        }
    }
}
