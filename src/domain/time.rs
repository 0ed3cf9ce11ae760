//! A point in time: microseconds since the epoch, the same in both engines and on the wire.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Microseconds since 1970-01-01T00:00:00Z; in JSON RFC 3339 with `Z`.
///
/// `INTEGER` in SQLite, where times as text sort wrongly within a second; `TIMESTAMPTZ` in
/// PostgreSQL, whose wire form is microseconds too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ts(i64);

/// 2000-01-01 in microseconds since 1970: where PostgreSQL begins to count.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
const TIMESTAMPTZ: Oid = Oid(1184);
const DAY: i64 = 86_400_000_000;
/// 9999-12-31T23:59:59.999999Z, the last moment that RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999_999;

impl Ts {
    /// Moments before the year 0 or after 9999 become the nearest that can be written.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(-62_167_219_200_000_000, LAST))
    }

    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros))
    }

    /// How long ago `earlier` was; zero if it has not been yet.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Midnight (UTC) of this day.
    #[must_use]
    pub fn day(self) -> Self {
        Self(self.0.div_euclid(DAY) * DAY)
    }

    /// Midnight (UTC) of the first day of this month.
    #[must_use]
    pub fn month(self) -> Self {
        let day =
            OffsetDateTime::from_unix_timestamp(self.seconds()).map_or(1, OffsetDateTime::day);
        self.day().plus_days(1 - i64::from(day))
    }

    /// Midnight (UTC) `days` later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self::from_micros(self.0.saturating_add(days.saturating_mul(DAY)))
    }

    /// `2026-11-21`, in UTC.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    /// Reads RFC 3339 with any offset, or a bare date as its midnight in UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let full;
        let text = if text.len() == 10 {
            full = format!("{text}T00:00:00Z");
            &full
        } else {
            text
        };
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let micros = parsed.unix_timestamp_nanos().div_euclid(1_000);
        i64::try_from(micros).ok().map(Self::from_micros)
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("must be a time in RFC 3339, such as 2026-01-31T12:00:00Z")
        })
    }
}

impl utoipa::PartialSchema for Ts {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-21T09:30:00.25Z"])
            .into()
    }
}

impl utoipa::ToSchema for Ts {}

impl Type<Sqlite> for Ts {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(ty)
    }
}

impl Encode<'_, Sqlite> for Ts {
    fn encode_by_ref(&self, buf: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.0, buf)
    }
}

impl<'r> Decode<'r, Sqlite> for Ts {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<Sqlite>>::decode(value).map(Self::from_micros)
    }
}

impl Type<Postgres> for Ts {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for Ts {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0 - POSTGRES_EPOCH, buf)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl<'r> Decode<'r, Postgres> for Ts {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => <i64 as Decode<Postgres>>::decode(value)
                .map(|micros| Self::from_micros(micros.saturating_add(POSTGRES_EPOCH))),
            PgValueFormat::Text => Err("times are read in the binary form alone".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339_and_read_back() {
        let time = Ts::from_micros(1_700_000_000_250_000);

        assert_eq!(time.to_string(), "2023-11-14T22:13:20.25Z");
        assert_eq!(Ts::parse("2023-11-14T22:13:20.25Z"), Some(time));
        assert_eq!(Ts::parse("2023-11-15T00:13:20.25+02:00"), Some(time));
        assert_eq!(Ts::parse("2023-11-14"), Some(time.day()));
        assert_eq!(time.date(), "2023-11-14");
    }

    #[test]
    fn extreme_times_are_clamped_instead_of_failing_to_print() {
        assert_eq!(Ts::from_micros(i64::MAX).date(), "9999-12-31");
        assert_eq!(Ts::from_micros(i64::MIN).date(), "0000-01-01");
        assert_eq!(
            Ts::from_micros(i64::MAX).plus(Duration::MAX).date(),
            "9999-12-31"
        );
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in ["", "yesterday", "2023-13-01T00:00:00Z", "2023-11-1x"] {
            assert_eq!(Ts::parse(text), None, "{text}");
        }
    }
}
