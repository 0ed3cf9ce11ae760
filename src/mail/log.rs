//! A mail server that is none: what is sent is told in the log.

use async_trait::async_trait;

use super::{Carrier, Message, Setback};

/// For a developer's machine, where there is no mail server, and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Logged;

#[async_trait]
impl Carrier for Logged {
    async fn carry(&self, message: &Message) -> Result<(), Setback> {
        tracing::info!(
            mail.to = message.to,
            mail.subject = message.subject,
            mail.text = message.text,
            "A message to {}, which no server is set up to send:\n{}",
            message.to,
            message.text
        );
        Ok(())
    }
}
