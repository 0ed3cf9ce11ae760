//! Where things are kept.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::AppEnv;
use super::parse::{Parsed, Wanted, boolean, number};
use super::reader::Reader;

#[derive(Clone, Debug)]
pub struct Databases {
    /// `DATABASE_URL`, its scheme normalised to `sqlite://` or `postgres://`.
    pub main: DatabaseUrl,
    /// `CREDS_DATABASE_URL`; with PostgreSQL the main one unless given.
    pub vault: DatabaseUrl,
    /// `DB_POOL_SIZE` + `DB_MAX_OVERFLOW`: the most connections of one pool.
    pub max_connections: u32,
    /// `DB_AUTO_MIGRATE`
    pub auto_migrate: bool,
}

impl Databases {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv, data_dir: &Path) -> Self {
        let given = reader.option("DATABASE_URL", DatabaseUrl::parse);
        if !env.is_local() && !reader.is_set("DATABASE_URL") {
            reader.problem(
                "DATABASE_URL",
                format!("is not set in {}", env.as_str()),
                "sqlite:// and a path, or postgres://user:password@host/name",
            );
        }
        let main = given.unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("concierge.db")));
        let vault = reader
            .option("CREDS_DATABASE_URL", DatabaseUrl::parse)
            .unwrap_or_else(|| main.beside());
        // A writer of the one would wait for a writer of the other, for ever.
        if main.path().is_some() && main.path() == vault.path() {
            reader.problem(
                "CREDS_DATABASE_URL",
                "is the file of DATABASE_URL",
                "a file of its own",
            );
        }
        let pool_size = reader.value("DB_POOL_SIZE", number(1..=1_000));
        let overflow: u32 = reader.value("DB_MAX_OVERFLOW", number(0..=1_000));
        Self {
            main,
            vault,
            max_connections: pool_size + overflow,
            auto_migrate: reader.value("DB_AUTO_MIGRATE", boolean),
        }
    }
}

/// A database's address. May hold a password, so it is never shown.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// The file's path.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(SecretString),
}

impl DatabaseUrl {
    fn parse(value: &str) -> Parsed<Self> {
        let (scheme, rest) = value.split_once(':').unwrap_or(("", value));
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite(rest).map(Self::Sqlite),
            "postgres" | "postgresql" | "postgresql+asyncpg" => {
                postgres(rest).map(|url| Self::Postgres(SecretString::from(url)))
            }
            _ => Err("an address that begins with sqlite://, postgres:// or postgresql://".into()),
        }
    }

    /// Where credentials go unless someone says otherwise.
    fn beside(&self) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(path.with_file_name("credentials.db")),
            Self::Postgres(url) => Self::Postgres(url.clone()),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres([REDACTED])"),
        }
    }
}

/// What follows `sqlite:`.
fn sqlite(rest: &str) -> Parsed<PathBuf> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.contains(":memory:") || query.contains("mode=memory") {
        return Err(
            "the path of a file: in memory each connection would have a database of its own, and none would last".into(),
        );
    }
    if !matches!(query, "" | "mode=rwc" | "mode=rw") {
        return Err("sqlite:// and a path, without parameters".into());
    }
    // Where SQLAlchemy writes a relative path after three slashes, this is the root folder.
    if path.starts_with("/./") {
        return Err("sqlite://relative/path (two slashes) or sqlite:///absolute/path".into());
    }
    if path.is_empty() || path.ends_with(['/', '\\']) || path.contains('\0') {
        return Err("sqlite:// and the path of a file".into());
    }
    Ok(PathBuf::from(path))
}

/// What follows `postgres:`, with the parameter that other drivers call `ssl` under its own name.
fn postgres(rest: &str) -> Parsed<String> {
    let mut url = Url::parse(&format!("postgres:{rest}"))
        .ok()
        .filter(|url| rest.starts_with("//") && url.fragment().is_none())
        .ok_or_else(|| {
            Wanted::from(
                "postgres://user:password@host:port/name, with %xx for special characters in the password",
            )
        })?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in url.query_pairs() {
        let (name, value) = if matches!(&*name, "ssl" | "sslmode") {
            ("sslmode".to_owned(), ssl_mode(&value)?.to_owned())
        } else {
            (name.into_owned(), value.into_owned())
        };
        let other = pairs.iter().find(|(known, _)| *known == name);
        match other {
            Some((_, known)) if name == "sslmode" && *known != value => {
                return Err("one of ssl and sslmode".into());
            }
            Some(_) if name == "sslmode" => {}
            _ => pairs.push((name, value)),
        }
    }
    if url.query().is_some() {
        url.query_pairs_mut().clear().extend_pairs(&pairs);
    }
    Ok(url.into())
}

fn ssl_mode(value: &str) -> Parsed<&'static str> {
    const MODES: &[&str] = &[
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ];

    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok("require"),
        "false" | "0" => Ok("disable"),
        mode => MODES
            .iter()
            .find(|known| **known == mode)
            .copied()
            .ok_or_else(|| format!("sslmode to be one of {}", MODES.join(", ")).into()),
    }
}

#[derive(Clone, Debug)]
pub struct Redis {
    /// `REDIS_URL`
    pub url: Option<SecretString>,
    /// `REDIS_REQUIRED`
    pub required: bool,
}

impl Redis {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.option("REDIS_URL", |value| {
            Url::parse(value)
                .ok()
                .filter(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host())
                .map(|_| SecretString::from(value))
                .ok_or_else(|| "redis://host:port or rediss://host:port".into())
        });
        let required = reader.value("REDIS_REQUIRED", boolean);
        if required && !reader.is_set("REDIS_URL") {
            reader.problem(
                "REDIS_REQUIRED",
                "is true while REDIS_URL is not set",
                "a REDIS_URL",
            );
        }
        Self { url, required }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shown(value: &str) -> Result<String, String> {
        match DatabaseUrl::parse(value) {
            Ok(DatabaseUrl::Sqlite(path)) => Ok(path.display().to_string()),
            Ok(DatabaseUrl::Postgres(url)) => Ok(url.expose_secret().to_owned()),
            Err(wanted) => Err(wanted.into_owned()),
        }
    }

    #[test]
    fn two_slashes_are_relative_and_three_are_absolute() {
        assert_eq!(shown("sqlite://data/a.db").as_deref(), Ok("data/a.db"));
        assert_eq!(
            shown("sqlite:///srv/a.db?mode=rwc").as_deref(),
            Ok("/srv/a.db")
        );
        assert_eq!(shown("sqlite:a.db").as_deref(), Ok("a.db"));
        assert!(
            shown("sqlite:///./a.db")
                .unwrap_err()
                .contains("two slashes")
        );
    }

    #[test]
    fn a_database_in_memory_is_refused_with_the_reason() {
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://a?mode=memory",
        ] {
            assert!(shown(url).unwrap_err().contains("each connection"), "{url}");
        }
    }

    #[test]
    fn all_names_of_postgres_are_one() {
        for scheme in ["postgres", "postgresql", "postgresql+asyncpg", "POSTGRES"] {
            let url = format!("{scheme}://u:p%40@h:5432/n");
            assert_eq!(shown(&url).as_deref(), Ok("postgres://u:p%40@h:5432/n"));
        }
    }

    #[test]
    fn ssl_is_another_name_of_sslmode() {
        let with = |query| shown(&format!("postgres://h/n?{query}"));
        assert_eq!(
            with("ssl=require").as_deref(),
            Ok("postgres://h/n?sslmode=require")
        );
        assert_eq!(
            with("ssl=true&x=1").as_deref(),
            Ok("postgres://h/n?sslmode=require&x=1")
        );
        assert!(with("sslmode=sometimes").is_err());
        assert!(with("ssl=require&sslmode=disable").is_err());
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for bad in [
            "",
            "mysql://h/n",
            "postgres:h",
            "sqlite://",
            "sqlite://a/",
            "data.db",
            "postgres://u:p#w@h/n",
            "postgres://u:1#w@h/n",
        ] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }
}
