//! Text into values. Each function's error says what was wanted.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

/// What would have been right.
pub(super) type Wanted = Cow<'static, str>;
pub(super) type Parsed<T> = Result<T, Wanted>;

#[expect(clippy::unnecessary_wraps, reason = "it stands where others can fail")]
pub(super) fn text(value: &str) -> Parsed<String> {
    Ok(value.to_owned())
}

pub(super) fn boolean(value: &str) -> Parsed<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// A whole number in a range.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Parsed<T>
where
    T: FromStr + PartialOrd + Display,
{
    move |value| {
        value
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!("a whole number from {} to {}", range.start(), range.end()).into()
            })
    }
}

/// One of a few words, in any case.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Parsed<T> {
    move |value| {
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(value))
            .map(|&(_, chosen)| chosen)
            .ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                format!("one of {}", words.join(", ")).into()
            })
    }
}

/// `auto`, which is None, or what the other parser takes.
pub(super) fn auto<T>(parse: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Option<T>> {
    move |value| {
        if value.eq_ignore_ascii_case("auto") {
            return Ok(None);
        }
        parse(value)
            .map(Some)
            .map_err(|wanted| format!("auto, or {wanted}").into())
    }
}

/// `15m`, `7d`, `250ms`; a bare number is seconds. Never more than ten years, so that sums of
/// durations and points in time cannot overflow.
pub(super) fn duration(value: &str) -> Parsed<Duration> {
    const LONGEST: Duration = Duration::from_hours(3650 * 24);

    let (count, unit) = split_unit(value);
    let count: Option<u64> = count.parse().ok();
    let millis = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" => Some(60 * 1_000),
        "h" => Some(60 * 60 * 1_000),
        "d" => Some(24 * 60 * 60 * 1_000),
        _ => None,
    };
    count
        .zip(millis)
        .and_then(|(count, millis)| count.checked_mul(millis))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| "a duration such as 250ms, 30s, 15m, 12h or 7d".into())
}

/// A [`duration`] that is not nothing.
pub(super) fn some_time(value: &str) -> Parsed<Duration> {
    duration(value).and_then(|duration| {
        if duration.is_zero() {
            Err("a duration above zero".into())
        } else {
            Ok(duration)
        }
    })
}

/// Bytes: `1048576`, `32MiB`, `1MB`.
pub(super) fn size(value: &str) -> Parsed<usize> {
    const RANGE: RangeInclusive<usize> = 1_024..=1_073_741_824;

    let (count, unit) = split_unit(value);
    let count: Option<usize> = count.parse().ok();
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1_000),
        "kib" => Some(1 << 10),
        "mb" => Some(1_000_000),
        "mib" => Some(1 << 20),
        "gb" => Some(1_000_000_000),
        "gib" => Some(1 << 30),
        _ => None,
    };
    count
        .zip(bytes)
        .and_then(|(count, bytes)| count.checked_mul(bytes))
        .filter(|bytes| RANGE.contains(bytes))
        .ok_or_else(|| "a size from 1KiB to 1GiB, such as 1048576 or 32MiB".into())
}

fn split_unit(value: &str) -> (&str, &str) {
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (count, unit) = value.split_at(end);
    (count, unit.trim_start())
}

/// A JSON list of strings, or items separated by commas; items are trimmed, empty ones left out.
pub(super) fn list(value: &str) -> Parsed<Vec<String>> {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('[') else {
        return Ok(items(value));
    };
    if let Ok(listed) = serde_json::from_str::<Vec<String>>(value) {
        return Ok(listed.iter().filter_map(|item| trimmed(item)).collect());
    }
    // Shells and `.env` files take the quotes out of an unquoted JSON list.
    inner
        .strip_suffix(']')
        .filter(|inner| !inner.contains(['"', '[', ']', '{', '}']))
        .map(items)
        .ok_or_else(|| "a JSON list of strings, or items separated by commas".into())
}

fn items(value: &str) -> Vec<String> {
    value.split(',').filter_map(trimmed).collect()
}

fn trimmed(item: &str) -> Option<String> {
    let item = item.trim();
    (!item.is_empty()).then(|| item.to_owned())
}

/// An http or https address that holds neither a user name nor a fragment.
pub(super) fn web_url(value: &str) -> Parsed<Url> {
    Url::parse(value)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .filter(|url| url.fragment().is_none())
        .ok_or_else(|| "an http:// or https:// address without user name and fragment".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_bare_numbers_are_seconds() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for bad in [
            "",
            "m",
            "-1s",
            "1.5h",
            "1w",
            "15M",
            "99999999999999999999d",
            "4000d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(some_time("0").is_err());
    }

    #[test]
    fn sizes_know_both_kinds_of_kilo() {
        assert_eq!(size("1048576"), Ok(1_048_576));
        assert_eq!(size("32MiB"), Ok(33_554_432));
        assert_eq!(size("1 MB"), Ok(1_000_000));
        for bad in ["", "0", "12", "2GiB", "32M", "18446744073709551615GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_come_as_json_as_commas_or_without_their_quotes() {
        let both = vec!["a".to_owned(), "b c".to_owned()];
        assert_eq!(list(r#"["a", "b c"]"#), Ok(both.clone()));
        assert_eq!(list(" a , b c ,"), Ok(both.clone()));
        assert_eq!(list("[a, b c]"), Ok(both));
        assert_eq!(list(""), Ok(vec![]));
        assert_eq!(list("[]"), Ok(vec![]));
        assert!(list("[1, 2").is_err());
        assert!(list(r#"["a", {"b": 1}]"#).is_err());
    }

    #[test]
    fn booleans_come_in_eight_words_and_any_case() {
        for yes in ["true", "TRUE", "1", "yes", "On"] {
            assert_eq!(boolean(yes), Ok(true));
        }
        for no in ["false", "0", "No", "off"] {
            assert_eq!(boolean(no), Ok(false));
        }
        assert!(boolean("y").is_err());
    }
}
