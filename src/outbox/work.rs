//! Whoever sends what lies in the outbox.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Outbox;
use crate::domain::Channel;
use crate::error::{Result, chain};
use crate::mail::{self, Setback};
use crate::shutdown::Shutdown;
use crate::store::messages::{self, Message};
use crate::telemetry::names;

/// Messages that one process sends at once by one channel: a server that does not answer holds up no
/// more of them.
const AT_ONCE: usize = 3;
/// What others have put in, or is to be tried again, is looked for so often.
const LOOK: Duration = Duration::from_secs(1);
/// While the database is away.
const REST: Duration = Duration::from_secs(10);
/// The longest that one attempt may take.
const LONGEST: Duration = Duration::from_secs(30);
/// A message that was taken longer ago belongs to nobody.
const LEASE: Duration = Duration::from_mins(1);
/// What is being sent when the end begins may go on for so long.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Attempts at one message.
const MOST_TRIES: i64 = 8;
/// The pause after the first attempt; each next one is three times as long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);

/// What became of an attempt.
enum Ended {
    Sent,
    /// There was nobody to send it to.
    Nobody,
    Failed(Setback),
    /// The process ends, and the message is for another.
    Left,
}

impl Outbox {
    /// Begins to send; it ends by itself when the end has begun.
    pub fn begin(&self, shutdown: &Shutdown) {
        for channel in [Channel::Mail, Channel::Sms] {
            for _ in 0..AT_ONCE {
                shutdown.track(self.clone().work(channel, shutdown.clone()));
            }
        }
    }

    async fn work(self, channel: Channel, shutdown: Shutdown) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.bell(channel).notified() => {}
                () = shutdown.begun() => return,
            }
            if let Err(error) = self.send_due(channel, &shutdown).await {
                tracing::warn!(error = %chain(&error), "Messages wait for the database");
                tokio::select! {
                    () = sleep(REST) => {}
                    () = shutdown.begun() => return,
                }
            }
        }
    }

    async fn send_due(&self, channel: Channel, shutdown: &Shutdown) -> Result<()> {
        while !shutdown.has_begun() {
            let Some(message) = self.take(channel).await? else {
                return Ok(());
            };
            let ended = self.attempt(&message, shutdown).await;
            self.settle(&message, ended).await?;
        }
        Ok(())
    }

    async fn take(&self, channel: Channel) -> Result<Option<Message>> {
        let now = self.now();
        let mut conn = self.0.main.read().await?;
        let any = messages::any_due(&mut conn, channel, now).await?;
        drop(conn);
        if !any {
            return Ok(None);
        }
        let mut tx = self.0.main.write().await?;
        let taken = messages::take(&mut tx, channel, (now, now.plus(LEASE))).await?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn attempt(&self, message: &Message, shutdown: &Shutdown) -> Ended {
        if message.expires_at <= self.now() {
            return Ended::Failed(for_good("its time is over"));
        }
        let id = message.id.to_string();
        let Some(sealed) = self.0.seals.open(&id, &message.sealed) else {
            return Ended::Failed(for_good("no key opens it"));
        };
        let Some(to) = sealed.to else {
            return Ended::Nobody;
        };
        let Some(carrier) = self.carrier(message.channel) else {
            return Ended::Failed(for_now("nothing is set up to send it"));
        };
        let message = mail::Message {
            id,
            to,
            subject: sealed.subject,
            text: sealed.text,
            written_at: message.created_at.seconds(),
        };
        tokio::select! {
            tried = timeout(LONGEST, carrier.carry(&message)) => match tried {
                Ok(Ok(())) => Ended::Sent,
                Ok(Err(setback)) => Ended::Failed(setback),
                Err(_) => Ended::Failed(for_now("the server does not answer")),
            },
            () = last_words(shutdown) => Ended::Left,
        }
    }

    async fn settle(&self, message: &Message, ended: Ended) -> Result<()> {
        match ended {
            Ended::Sent => {
                self.count(message, "sent");
                self.remove(message).await
            }
            Ended::Nobody => self.remove(message).await,
            Ended::Left => self.put_back(message, Duration::ZERO).await,
            Ended::Failed(setback) if setback.is_final || message.tries >= MOST_TRIES => {
                self.count(message, "given_up");
                tracing::warn!(message.id = %message.id, message.channel = %message.channel,
                    message.tries, error = setback.cause, "A message was given up");
                self.remove(message).await
            }
            Ended::Failed(setback) => {
                let pause = pause_after(message.tries);
                self.count(message, "retried");
                tracing::info!(message.id = %message.id, message.channel = %message.channel,
                    message.tries, error = setback.cause,
                    "A message was not sent, and is tried again in {} s", pause.as_secs());
                self.put_back(message, pause).await
            }
        }
    }

    async fn remove(&self, message: &Message) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        messages::remove(&mut tx, message.id).await?;
        tx.commit().await
    }

    async fn put_back(&self, message: &Message, pause: Duration) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        messages::put_back(&mut tx, message, self.now().plus(pause)).await?;
        tx.commit().await
    }

    fn count(&self, message: &Message, outcome: &str) {
        let channel = message.channel.to_string();
        let counter = self
            .0
            .metrics
            .counter(&names::MESSAGES, &[&channel, outcome]);
        counter.increment(1);
    }
}

async fn last_words(shutdown: &Shutdown) {
    shutdown.begun().await;
    sleep(LAST_WORDS).await;
}

fn pause_after(tries: i64) -> Duration {
    let times = u32::try_from(tries.saturating_sub(1)).unwrap_or(0);
    PAUSE
        .saturating_mul(3_u32.saturating_pow(times))
        .min(LONGEST_PAUSE)
}

fn for_good(cause: &str) -> Setback {
    Setback {
        cause: cause.to_owned(),
        is_final: true,
    }
}

fn for_now(cause: &str) -> Setback {
    Setback {
        cause: cause.to_owned(),
        is_final: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<u64> = (1..=MOST_TRIES)
            .map(|tries| pause_after(tries).as_secs())
            .collect();

        assert_eq!(pauses, [5, 15, 45, 135, 405, 1_215, 1_800, 1_800]);
    }
}
