//! The key that signs our tokens: configured, or made on a developer's machine.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::config::Config;
use crate::error::{Error, Kind, Result};

const FILE: &str = "secret_key";

/// The configured key, else the one kept in the data directory, else a new one kept there.
pub(super) fn key(config: &Config) -> Result<SecretString> {
    if let Some(key) = &config.auth.secret_key {
        return Ok(key.clone());
    }
    let file = config.app.data_dir.join(FILE);
    if let Some(kept) = read(&file)? {
        return Ok(kept);
    }
    make(&file)?;
    tracing::warn!(file = %file.display(), "SECRET_KEY is not set; made one and kept it in {}", file.display());
    read(&file)?.ok_or_else(|| Error::internal("the key is gone that was just written"))
}

fn read(file: &Path) -> Result<Option<SecretString>> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= 32 => Ok(Some(text.trim().into())),
        Ok(_) => Err(cannot(
            "is too short to be a key; delete it, and a new one is made",
            file,
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("cannot be read", file).because(error)),
    }
}

/// Whole or not at all, and readable by its owner alone; who comes second takes the first one's.
fn make(file: &Path) -> Result<()> {
    let key = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 48]>());
    if let Some(folder) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| cannot("cannot be written", file).because(error))?;
    }
    let draft = file.with_extension(format!("{}.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut open| {
            open.write_all(key.as_bytes())
                .and_then(|()| open.sync_all())
        })
        .and_then(|()| match fs::hard_link(&draft, file) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&draft).ok();
    written.map_err(|error| cannot("cannot be written", file).because(error))
}

fn cannot(what: &str, file: &Path) -> Error {
    let message = format!("The key file {} {what}.", file.display());
    Error::new(Kind::Unavailable, "secret_key", message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_made_key_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/secret_key");

        make(&file).unwrap();
        let first = read(&file).unwrap().unwrap();
        make(&file).unwrap();
        let second = read(&file).unwrap().unwrap();

        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_key_file_is_told_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret_key");
        fs::write(&file, "short").unwrap();

        let error = read(&file).unwrap_err();

        assert!(error.to_string().contains("secret_key"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
    }
}
