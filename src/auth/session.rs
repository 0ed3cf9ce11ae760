//! Logins: an opaque token in a cookie, its hash in the vault, two clocks.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::login::LogIn;
use super::random;
use crate::clock::Clock;
use crate::domain::{SessionId, Ts, UserId};
use crate::error::Result;
use crate::store::vault::sessions::Session;

/// How long a login lives unused, and how long at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    idle: Duration,
    most: Duration,
}

/// A login to be kept, and its token, which is not.
pub(super) struct NewSession {
    pub(super) row: Session,
    pub(super) token: SecretString,
}

/// A login that is not remembered lives no longer, used or not.
const UNREMEMBERED: Duration = Duration::from_hours(12);
/// That a login was used is written down no more often.
const SLIDE: Duration = Duration::from_hours(1);
const LONGEST_USER_AGENT: usize = 400;

impl Lifetimes {
    pub(super) fn new(idle: Duration, most: Duration) -> Self {
        Self { idle, most }
    }

    pub(super) fn open(&self, user: &UserId, attempt: &LogIn, clock: &Clock) -> Result<NewSession> {
        let now = Ts::from_micros(clock.micros());
        let of = self.of(attempt.remember);
        let token = random::token()?;
        let row = Session {
            id: SessionId::new(clock),
            user_id: user.clone(),
            token_hash: random::fingerprint(token.expose_secret()).to_vec(),
            remember: attempt.remember,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(of.idle.min(of.most)),
            ip: attempt.ip.map(|address| address.to_string()),
            user_agent: attempt.user_agent.as_deref().map(shortened),
        };
        Ok(NewSession { row, token })
    }

    /// When the login ends unless it is used before; a lifetime that was shortened since counts.
    pub(super) fn end_of(&self, session: &Session) -> Ts {
        session.expires_at.min(self.latest_end_of(session))
    }

    /// When the login ends now that it was used, if that is worth writing down.
    pub(super) fn slide(&self, session: &Session, now: Ts) -> Option<Ts> {
        let idle = self.of(session.remember).idle;
        // A short idle time would be over before an hour is.
        let is_due = now.since(session.last_seen_at) >= SLIDE.min(idle / 8);
        is_due.then(|| now.plus(idle).min(self.latest_end_of(session)))
    }

    /// How long the browser keeps the cookie.
    pub(super) fn of_cookie(&self, remember: bool) -> Option<Duration> {
        remember.then_some(self.most)
    }

    fn latest_end_of(&self, session: &Session) -> Ts {
        session.created_at.plus(self.of(session.remember).most)
    }

    fn of(self, remember: bool) -> Self {
        if remember {
            return self;
        }
        Self {
            idle: self.idle.min(UNREMEMBERED),
            most: self.most.min(UNREMEMBERED),
        }
    }
}

/// As much of a header as is worth keeping; PostgreSQL keeps no U+0000.
fn shortened(user_agent: &str) -> String {
    let visible = user_agent.chars().filter(|letter| !letter.is_control());
    visible.take(LONGEST_USER_AGENT).collect()
}

/// What a token is kept as. None for what cannot be one.
pub(super) fn hash_of(token: &str) -> Option<[u8; 32]> {
    is_token(token).then(|| random::fingerprint(token))
}

fn is_token(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == 43 && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    fn opened(lifetimes: Lifetimes, remember: bool) -> (Session, Ts) {
        let clock = Clock::standing_at(1_800_000_000_000_000);
        let attempt = LogIn {
            login: "ada".to_owned(),
            password: "secret".into(),
            remember,
            ip: "::1".parse().ok(),
            user_agent: Some("x".repeat(1_000)),
            replacing: None,
        };
        let new = lifetimes
            .open(&UserId::new(&clock), &attempt, &clock)
            .unwrap();
        assert!(is_token(new.token.expose_secret()));
        assert_eq!(
            hash_of(new.token.expose_secret()).unwrap().to_vec(),
            new.row.token_hash
        );
        (new.row, Ts::from_micros(clock.micros()))
    }

    #[test]
    fn a_remembered_login_slides_once_an_hour_up_to_its_latest_end() {
        let lifetimes = Lifetimes::new(7 * DAY, 30 * DAY);
        let (mut session, start) = opened(lifetimes, true);

        assert_eq!(lifetimes.end_of(&session), start.plus(7 * DAY));
        assert_eq!(lifetimes.slide(&session, start.plus(HOUR / 2)), None);
        assert_eq!(
            lifetimes.slide(&session, start.plus(HOUR)),
            Some(start.plus(7 * DAY + HOUR))
        );
        assert_eq!(
            lifetimes.slide(&session, start.plus(29 * DAY)),
            Some(start.plus(30 * DAY))
        );
        session.expires_at = start.plus(90 * DAY);
        assert_eq!(lifetimes.end_of(&session), start.plus(30 * DAY));
        assert_eq!(lifetimes.of_cookie(true), Some(30 * DAY));
    }

    #[test]
    fn a_login_that_is_not_remembered_is_over_after_twelve_hours() {
        let lifetimes = Lifetimes::new(7 * DAY, 30 * DAY);
        let (session, start) = opened(lifetimes, false);

        assert_eq!(lifetimes.end_of(&session), start.plus(DAY / 2));
        assert_eq!(
            lifetimes.slide(&session, start.plus(11 * HOUR)),
            Some(start.plus(DAY / 2))
        );
        assert_eq!(lifetimes.of_cookie(false), None);
        assert_eq!(session.user_agent.map(|text| text.len()), Some(400));
    }

    #[test]
    fn a_short_idle_time_slides_more_often() {
        let lifetimes = Lifetimes::new(HOUR, DAY);
        let (session, start) = opened(lifetimes, true);

        assert!(lifetimes.slide(&session, start.plus(HOUR / 10)).is_none());
        assert!(lifetimes.slide(&session, start.plus(HOUR / 8)).is_some());
    }

    #[test]
    fn what_is_no_token_is_not_even_hashed() {
        for text in [
            "",
            "x",
            &"x".repeat(42),
            &"x".repeat(44),
            &"=".repeat(43),
            &"é".repeat(43),
        ] {
            assert!(hash_of(text).is_none(), "{text}");
        }
    }
}
