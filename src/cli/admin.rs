//! The first administrator.

use std::io::{self, BufRead, IsTerminal};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Email;
use crate::error::{Error, Result};
use crate::server::{self, Databases};

/// No password is as long, and no more than this is read.
const LONGEST_LINE: u64 = 4_096;

/// Creates an administrator with the password on standard input.
pub(super) async fn create(config: Config, email: String) -> Result<String> {
    server::install_crypto()?;
    let address = Email::parse(&email)
        .ok_or_else(|| invalid("--email must be an e-mail address, such as ada@example.com."))?;
    let password = password_from_stdin()?;
    let databases = Databases::open(&config.databases).await?;
    if config.databases.auto_migrate {
        databases.migrate().await?;
    }
    let auth = server::auth(&config, &databases, &Clock::system())?;
    auth.create_admin(address.clone(), password).await?;
    databases.close().await;
    Ok(format!("{address} is an administrator."))
}

fn password_from_stdin() -> Result<SecretString> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(invalid(
            "The password is read from standard input, which is a terminal here: pipe it in.",
        ));
    }
    first_line(stdin.lock())
}

/// Without its end, whichever system has written it.
fn first_line(input: impl BufRead) -> Result<SecretString> {
    let mut line = Zeroizing::new(String::new());
    input
        .take(LONGEST_LINE)
        .read_line(&mut line)
        .map_err(|error| invalid("The password cannot be read.").because(error))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(invalid("There is no password on standard input.")),
        password => Ok(password.into()),
    }
}

fn invalid(message: &'static str) -> Error {
    Error::invalid("validation_error", message)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_is() {
        for input in [" a b ", " a b \n", " a b \r\nsecond line\n"] {
            let password = first_line(input.as_bytes()).unwrap();
            assert_eq!(password.expose_secret(), " a b ");
        }
    }

    #[test]
    fn no_more_is_read_than_any_password_needs() {
        let endless = io::BufReader::new(io::repeat(b'x'));

        let password = first_line(endless).unwrap();

        assert_eq!(password.expose_secret().len(), 4_096);
    }

    #[test]
    fn what_is_no_text_is_no_password() {
        for input in [&b""[..], b"\n", b"\xff\xfe\n"] {
            assert!(first_line(input).is_err());
        }
    }
}
