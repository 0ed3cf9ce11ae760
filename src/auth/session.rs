//! Logins: an opaque token in a cookie, its hash in the vault, two clocks.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::login::LogIn;
use super::random;
use crate::clock::Clock;
use crate::domain::{SessionId, Ts, User};
use crate::error::Result;
use crate::store::vault::sessions::Session;

/// How long the two ends of a login live unused, and how long at most: each dies by its own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    cookie: Span,
    refresh: Span,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) idle: Duration,
    pub(super) most: Duration,
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
    pub(super) fn new(cookie: Span, refresh: Span) -> Self {
        Self { cookie, refresh }
    }

    pub(super) fn open(&self, user: &User, attempt: &LogIn, clock: &Clock) -> Result<NewSession> {
        let now = Ts::from_micros(clock.micros());
        let (cookie, refresh) = (
            self.cookie.of(attempt.remember),
            self.refresh.of(attempt.remember),
        );
        let token = random::token()?;
        let row = Session {
            id: SessionId::new(clock),
            user_id: user.id.clone(),
            token_hash: random::fingerprint(token.expose_secret()).to_vec(),
            remember: attempt.remember,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(cookie.idle.min(cookie.most)),
            ip: attempt.origin.ip.map(|address| address.to_string()),
            user_agent: attempt.origin.user_agent.as_deref().map(shortened),
            refresh_counter: 0,
            refreshed_at: now,
            refresh_until: now.plus(refresh.idle.min(refresh.most)),
            token_version: Some(user.token_version),
        };
        Ok(NewSession { row, token })
    }

    /// When the cookie ends unless it is used before; a lifetime that was shortened since counts.
    pub(super) fn end_of(&self, session: &Session) -> Ts {
        let latest = self.cookie.latest_end_of(session);
        session.expires_at.min(latest)
    }

    /// When refreshing ends unless it is done before; likewise.
    pub(super) fn end_of_refresh(&self, session: &Session) -> Ts {
        let latest = self.refresh.latest_end_of(session);
        session.refresh_until.min(latest)
    }

    /// When neither the cookie nor a refresh token opens anything any more.
    pub(super) fn last_end_of(&self, session: &Session) -> Ts {
        self.end_of(session).max(self.end_of_refresh(session))
    }

    /// When refreshing ends now that it was done.
    pub(super) fn refreshed(&self, session: &Session, now: Ts) -> Ts {
        let span = self.refresh.of(session.remember);
        now.plus(span.idle).min(self.refresh.latest_end_of(session))
    }

    /// When the cookie ends now that the login was used, if that is worth writing down: a token's use
    /// does not keep it alive.
    pub(super) fn slide(&self, session: &Session, is_cookie: bool, now: Ts) -> Option<Ts> {
        let idle = self.cookie.of(session.remember).idle;
        // A short idle time would be over before an hour is.
        let step = SLIDE.min(idle / 8);
        let end = if is_cookie {
            let latest = self.cookie.latest_end_of(session);
            now.plus(idle).min(latest)
        } else {
            session.expires_at
        };
        let is_due =
            now.since(session.last_seen_at) >= step || end.since(session.expires_at) >= step;
        is_due.then_some(end)
    }

    /// How long the browser keeps the session cookie.
    pub(super) fn of_cookie(&self, remember: bool) -> Option<Duration> {
        remember.then_some(self.cookie.most)
    }

    /// How long it keeps a refresh cookie: the next use sets another one.
    pub(super) fn of_refresh_cookie(&self, remember: bool) -> Option<Duration> {
        remember.then_some(self.refresh.idle)
    }
}

impl Span {
    fn latest_end_of(self, session: &Session) -> Ts {
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
    use crate::domain::{Caps, Contact, Email, Origin, Role, Status, UserId};

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    fn lifetimes(idle: Duration, most: Duration) -> Lifetimes {
        let refresh = Span {
            idle: 30 * DAY,
            most: 90 * DAY,
        };
        Lifetimes::new(Span { idle, most }, refresh)
    }

    fn ada(clock: &Clock) -> User {
        let now = Ts::from_micros(clock.micros());
        User {
            id: UserId::new(clock),
            email: Contact::own(Email::parse("ada@example.com").unwrap()),
            username: None,
            name: None,
            role: Role::User,
            status: Status::Active,
            email_verified: false,
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            token_version: 1,
            caps: Caps::default(),
        }
    }

    fn opened(lifetimes: Lifetimes, remember: bool) -> (Session, Ts) {
        let clock = Clock::standing_at(1_800_000_000_000_000);
        let attempt = LogIn {
            login: "ada".to_owned(),
            password: "secret".into(),
            remember,
            origin: Origin {
                ip: "::1".parse().ok(),
                user_agent: Some("x".repeat(1_000)),
                request_id: None,
            },
            replacing: None,
            device: None,
        };
        let new = lifetimes.open(&ada(&clock), &attempt, &clock).unwrap();
        assert!(is_token(new.token.expose_secret()));
        assert_eq!(
            hash_of(new.token.expose_secret()).unwrap().to_vec(),
            new.row.token_hash
        );
        (new.row, Ts::from_micros(clock.micros()))
    }

    #[test]
    fn a_remembered_login_slides_once_an_hour_up_to_its_latest_end() {
        let lifetimes = lifetimes(7 * DAY, 30 * DAY);
        let (mut session, start) = opened(lifetimes, true);

        assert_eq!(lifetimes.end_of(&session), start.plus(7 * DAY));
        assert_eq!(lifetimes.slide(&session, true, start.plus(HOUR / 2)), None);
        assert_eq!(
            lifetimes.slide(&session, true, start.plus(HOUR)),
            Some(start.plus(7 * DAY + HOUR))
        );
        assert_eq!(
            lifetimes.slide(&session, true, start.plus(29 * DAY)),
            Some(start.plus(30 * DAY))
        );
        session.expires_at = start.plus(90 * DAY);
        assert_eq!(lifetimes.end_of(&session), start.plus(30 * DAY));
        assert_eq!(lifetimes.of_cookie(true), Some(30 * DAY));
    }

    #[test]
    fn a_login_that_is_not_remembered_is_over_after_twelve_hours() {
        let lifetimes = lifetimes(7 * DAY, 30 * DAY);
        let (session, start) = opened(lifetimes, false);

        assert_eq!(lifetimes.end_of(&session), start.plus(DAY / 2));
        assert_eq!(
            lifetimes.slide(&session, true, start.plus(11 * HOUR)),
            Some(start.plus(DAY / 2))
        );
        assert_eq!(lifetimes.of_cookie(false), None);
        assert_eq!(session.user_agent.map(|text| text.len()), Some(400));
    }

    #[test]
    fn a_short_idle_time_slides_more_often() {
        let lifetimes = lifetimes(HOUR, DAY);
        let (session, start) = opened(lifetimes, true);

        assert!(
            lifetimes
                .slide(&session, true, start.plus(HOUR / 10))
                .is_none()
        );
        assert!(
            lifetimes
                .slide(&session, true, start.plus(HOUR / 8))
                .is_some()
        );
    }

    #[test]
    fn each_end_dies_by_its_own_clock() {
        let lifetimes = lifetimes(7 * DAY, 30 * DAY);
        let (mut session, start) = opened(lifetimes, true);

        assert_eq!(lifetimes.slide(&session, false, start.plus(HOUR / 2)), None);
        let noted = lifetimes.slide(&session, false, start.plus(DAY));
        assert_eq!(
            noted,
            Some(session.expires_at),
            "a token keeps no cookie alive"
        );
        session.last_seen_at = start.plus(DAY);
        let slid = lifetimes.slide(&session, true, start.plus(DAY));
        assert_eq!(
            slid,
            Some(start.plus(8 * DAY)),
            "though it was noted just now"
        );

        assert_eq!(lifetimes.end_of_refresh(&session), start.plus(30 * DAY));
        assert_eq!(
            lifetimes.refreshed(&session, start.plus(DAY)),
            start.plus(31 * DAY)
        );
        assert_eq!(
            lifetimes.refreshed(&session, start.plus(80 * DAY)),
            start.plus(90 * DAY)
        );
        let (session, start) = opened(lifetimes, false);
        assert_eq!(lifetimes.end_of_refresh(&session), start.plus(DAY / 2));
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
