//! Files that settings come from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file's text, or why there is none.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    const LARGEST: u64 = 1 << 20;

    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read ({})", error.kind()))?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}
