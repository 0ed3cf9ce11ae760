//! Messages that wait to be sent: written down with what they are about, sent off the path of requests,
//! and tried again until they are taken or of no use any more.
//!
//! Whoever sends a message holds it for a minute; a process that dies with it leaves it to another. A
//! message may so arrive twice, but none is lost.

mod seal;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::domain::{Channel, MessageId, Ts, UserId};
use crate::error::Result;
use crate::mail::Carrier;
use crate::store::{Db, Main, Tx, messages};
use crate::telemetry::Metrics;

use seal::Seals;

/// What lies in the outbox. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Outbox(Arc<Parts>);

struct Parts {
    main: Db<Main>,
    clock: Clock,
    metrics: Metrics,
    seals: Seals,
    carriers: Carriers,
    /// One for each channel: somebody has put a message in.
    mail: Notify,
    sms: Notify,
}

/// The ways that are set up.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    pub mail: Option<Arc<dyn Carrier>>,
    pub sms: Option<Arc<dyn Carrier>>,
}

/// A message to somebody.
#[derive(Clone)]
pub struct Letter {
    pub channel: Channel,
    /// None: to somebody who has no account, or to nobody.
    pub user: Option<UserId>,
    /// An address, or a number. None: it is for nobody, and costs what any other costs.
    pub to: Option<String>,
    pub subject: String,
    pub text: SecretString,
    /// It is of no use when this is over.
    pub lifetime: Duration,
}

/// What a seal holds.
#[derive(Serialize, Deserialize)]
struct Sealed {
    to: Option<String>,
    subject: String,
    text: String,
}

impl Outbox {
    /// Messages are sealed with the first of the keys, and opened with any of them.
    pub fn new(
        keys: &[Zeroizing<[u8; 32]>],
        carriers: Carriers,
        (main, clock, metrics): (Db<Main>, Clock, Metrics),
    ) -> Result<Self> {
        Ok(Self(Arc::new(Parts {
            main,
            clock,
            metrics,
            seals: Seals::new(keys)?,
            carriers,
            mail: Notify::new(),
            sms: Notify::new(),
        })))
    }

    /// Whether there is a way to send such messages.
    pub fn can_send(&self, channel: Channel) -> bool {
        self.carrier(channel).is_some()
    }

    /// Puts a message in, in the unit of work that it tells of; to be followed by [`Outbox::wake`] when
    /// that is kept.
    pub async fn put(&self, tx: &mut Tx<Main>, letter: &Letter) -> Result<()> {
        let now = self.now();
        let id = MessageId::new(&self.0.clock);
        let message = messages::Message {
            id,
            channel: letter.channel,
            user_id: letter.user.clone(),
            sealed: self.0.seals.seal(&id.to_string(), letter)?,
            created_at: now,
            due_at: now,
            expires_at: now.plus(letter.lifetime),
            tries: 0,
        };
        messages::add(tx, &message).await
    }

    /// Tells whoever sends that there is something to be sent.
    pub fn wake(&self, channel: Channel) {
        self.bell(channel).notify_one();
    }

    fn bell(&self, channel: Channel) -> &Notify {
        match channel {
            Channel::Mail => &self.0.mail,
            Channel::Sms => &self.0.sms,
        }
    }

    fn carrier(&self, channel: Channel) -> Option<&Arc<dyn Carrier>> {
        match channel {
            Channel::Mail => self.0.carriers.mail.as_ref(),
            Channel::Sms => self.0.carriers.sms.as_ref(),
        }
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.0.clock.micros())
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("carriers", &self.0.carriers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("channel", &self.channel)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
