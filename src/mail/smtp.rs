//! A mail server (RFC 5321). Each message has a connection of its own: mail is seldom, and a connection
//! that is kept is one that may be dead.

use std::time::Duration;

use async_trait::async_trait;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::letter::{self, Sender};
use super::{Carrier, Message, Setback};
use crate::error::{self, Error, Result};

/// How long the server may take for one command.
const PATIENCE: Duration = Duration::from_secs(20);
/// Refusals that are about us and not about the message: whoever runs the server or this service mends
/// them (RFC 3207, RFC 4954).
const ABOUT_US: [u16; 5] = [530, 534, 535, 538, 554];

/// A mail server, and who we are to it.
#[derive(Debug)]
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
    envelope_from: Address,
}

impl Smtp {
    /// `url` is `smtp://` or `smtps://` with user and password, `from` an address, or a name with an
    /// address in angle brackets. Over `smtp://` a password goes no other way than encrypted, but to
    /// this machine; `?tls=required`, `?tls=opportunistic` and `?tls=none` say otherwise.
    pub fn new(url: &SecretString, from: &str) -> Result<Self> {
        let sender = Sender::parse(from).ok_or_else(|| wrong("MAIL_FROM"))?;
        let envelope_from: Address = sender.address.parse().map_err(|_| wrong("MAIL_FROM"))?;
        let mut url = Url::parse(url.expose_secret()).map_err(|_| wrong("SMTP_URL"))?;
        secure(&mut url);
        let own_name = ClientId::Domain(envelope_from.domain().to_owned());
        // What the library says of a URL may hold the password.
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|_| wrong("SMTP_URL"))?
            .hello_name(own_name)
            .timeout(Some(PATIENCE))
            .build();
        Ok(Self {
            server,
            sender,
            envelope_from,
        })
    }
}

#[async_trait]
impl Carrier for Smtp {
    async fn carry(&self, message: &Message) -> std::result::Result<(), Setback> {
        let to: Address = message.to.parse().map_err(|_| Setback {
            cause: "the address cannot be written to".to_owned(),
            is_final: true,
        })?;
        let envelope =
            Envelope::new(Some(self.envelope_from.clone()), vec![to]).map_err(|error| Setback {
                cause: error.to_string(),
                is_final: true,
            })?;
        let letter = letter::written(&self.sender, message);
        let sent = self.server.send_raw(&envelope, letter.as_bytes()).await;
        sent.map(drop).map_err(|error| setback(&error, &message.to))
    }
}

/// A server likes to repeat the address.
fn setback(error: &SmtpError, to: &str) -> Setback {
    let code = error.status().map(u16::from);
    Setback {
        cause: error::chain(error).replace(to, "the address"),
        is_final: error.is_permanent() && code.is_none_or(|code| !ABOUT_US.contains(&code)),
    }
}

/// Says in the URL how TLS is used, where that is not said.
fn secure(url: &mut Url) {
    let said = url.query_pairs().find(|(name, _)| name == "tls");
    let said = said.map(|(_, value)| value.into_owned());
    if url.scheme() != "smtp" {
        return;
    }
    match said.as_deref() {
        // The library's word for it is none.
        Some("none") => url.set_query(None),
        Some(_) => {}
        None if url.password().is_some() && !is_here(url) => {
            url.query_pairs_mut().append_pair("tls", "required");
        }
        None if is_here(url) => {}
        None => {
            if url.port().is_none() {
                // Else the library takes the port of those who sign in.
                url.set_port(Some(25)).ok();
            }
            url.query_pairs_mut().append_pair("tls", "opportunistic");
        }
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        // The scheme is none of the web's, so its addresses come as names.
        Some(Host::Domain(name)) => {
            let ip = name.parse::<std::net::IpAddr>();
            name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn wrong(setting: &'static str) -> Error {
    let message = format!("{setting} cannot be used to send mail.");
    Error::invalid("mail_settings", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        secure(&mut url);
        url.into()
    }

    #[test]
    fn a_password_leaves_this_machine_encrypted() {
        for (url, becomes) in [
            (
                "smtp://a:b@mail.example.com",
                "smtp://a:b@mail.example.com?tls=required",
            ),
            (
                "smtp://a:b@mail.example.com?tls=none",
                "smtp://a:b@mail.example.com",
            ),
            (
                "smtp://mail.example.com",
                "smtp://mail.example.com:25?tls=opportunistic",
            ),
            ("smtp://a:b@127.0.0.1:2525", "smtp://a:b@127.0.0.1:2525"),
            ("smtp://[::1]:2525", "smtp://[::1]:2525"),
            ("smtp://localhost", "smtp://localhost"),
            (
                "smtps://a:b@mail.example.com",
                "smtps://a:b@mail.example.com",
            ),
        ] {
            assert_eq!(secured(url), becomes);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_told() {
        let cannot = |url: &str, from: &str| Smtp::new(&url.into(), from).unwrap_err().to_string();

        assert!(cannot("smtp://mail", "nobody").contains("MAIL_FROM"));
        let said = cannot("smtp://a:hunter2@mail?tls=perhaps", "a@example.com");
        assert!(
            said.contains("SMTP_URL") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
