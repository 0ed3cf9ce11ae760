//! Argon2 in memory that the system has back at once.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::auth::random;
use crate::error::{Error, Result};

/// The fewest blocks (of a KiB) that are asked for, of which no more are touched than are needed. An
/// allocation of 32 MiB is the largest that glibc may take from the arena of a thread, and then keeps
/// there when it is freed: with threads that come and go these would be hundreds of megabytes.
const FEWEST: usize = 33 << 10;

/// A new hash with a salt of its own.
pub(super) fn hash(password: &[u8], params: &Params) -> Result<PasswordHash> {
    let salt = Salt::new(&random::bytes::<16>()?).map_err(Error::internal)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::default());
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let output = output(&argon2, password, (&salt, length)).map_err(Error::internal)?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params).map_err(Error::internal)?,
        salt: Some(salt),
        hash: Some(output),
    })
}

/// Whether this is the password of a hash, whose parameters are within bounds. What cannot be computed
/// is no password.
pub(super) fn is_of(password: &[u8], hash: &PasswordHash, params: &Params) -> bool {
    let computed = || {
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = match hash.version {
            Some(version) => Version::try_from(version).ok()?,
            None => Version::default(),
        };
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let output = output(&argon2, password, (salt, expected.len())).ok()?;
        // In a time that does not tell how nearly.
        Some(output == *expected)
    };
    computed().unwrap_or(false)
}

fn output(argon2: &Argon2<'_>, password: &[u8], (salt, length): (&Salt, usize)) -> Result<Output> {
    let needed = argon2.params().block_count();
    let mut blocks = Vec::with_capacity(needed.max(FEWEST));
    blocks.resize(needed, Block::default());
    let mut buffer = [0; Output::MAX_LENGTH];
    let out = buffer
        .get_mut(..length)
        .ok_or_else(|| Error::internal("the output of a hash is too long"))?;
    argon2
        .hash_password_into_with_memory(password, salt, out, &mut blocks)
        .map_err(Error::internal)?;
    Output::new(out).map_err(Error::internal)
}
