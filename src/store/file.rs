//! A SQLite database's file: made for its owner alone, and known again.

use std::fs::{DirBuilder, Metadata, OpenOptions, metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that was opened, by its path and by what the system knows it as.
#[derive(Clone, Debug)]
pub(super) struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl File {
    /// Makes the file and its folder if they are missing: a first start needs no preparation.
    pub(super) fn prepare(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        // SQLite gives its write-ahead log the mode of the file that it finds.
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&metadata(path)?),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still names the file that was opened.
    pub(super) fn is_in_place(&self) -> bool {
        metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity)
    }
}

/// Device and inode: what a path names, however often it is renamed.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_was_there_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.db");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

        File::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(&path, "rows").unwrap();
        File::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read(&path).unwrap(), b"rows");
    }

    #[test]
    fn a_file_put_in_its_place_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let file = File::prepare(&path).unwrap();
        assert!(file.is_in_place());

        fs::write(folder.path().join("b.db"), "").unwrap();
        fs::rename(folder.path().join("b.db"), &path).unwrap();
        assert!(!file.is_in_place());

        fs::remove_file(&path).unwrap();
        assert!(!file.is_in_place());
    }
}
