//! A user's logins as they see them: which there are, and how they end.

use super::Auth;
use super::audit::Note;
use crate::domain::{ActiveSession, Actor, Event, Principal, SessionId};
use crate::error::{Error, Result};
use crate::store::vault::sessions::{self, Session};

impl Auth {
    /// One page of the caller's logins, the newest first, and how many there are. Pages begin at 1.
    pub async fn sessions(
        &self,
        caller: &Principal,
        page: u32,
        size: u32,
    ) -> Result<(Vec<ActiveSession>, u64)> {
        let now = self.now();
        let mut conn = self.0.vault.read().await?;
        let mut live = sessions::live_of(&mut conn, &caller.user, now).await?;
        drop(conn);
        // A lifetime that was shortened since counts, and the database does not know of it.
        live.retain(|session| now < self.0.lifetimes.last_end_of(session));
        let total = u64::try_from(live.len()).unwrap_or_default();
        let before = u64::from(page.saturating_sub(1)) * u64::from(size);
        let of_page = live
            .into_iter()
            .skip(usize::try_from(before).unwrap_or(usize::MAX))
            .take(usize::try_from(size).unwrap_or(usize::MAX));
        let shown = of_page.map(|session| shown(session, caller));
        Ok((shown.collect(), total))
    }

    /// Ends one of the user's logins, with its cookie and its tokens.
    pub async fn end_session(&self, who: &Actor, id: SessionId) -> Result<()> {
        let user = &who.user;
        let mut tx = self.0.vault.write().await?;
        let ended = sessions::end(&mut tx, user, id, self.now()).await?;
        tx.commit().await?;
        self.0.seen.revoke(user);
        if !ended {
            return Err(Error::not_found("session"));
        }
        let note = Note::by(who, Event::SessionEnded).with("session_id", id.to_string());
        self.note(note).await;
        Ok(())
    }

    /// Ends all logins of the user. API keys are none, and go on.
    pub async fn end_sessions(&self, who: &Actor) -> Result<()> {
        let user = &who.user;
        let mut tx = self.0.vault.write().await?;
        sessions::remove_all(&mut tx, user).await?;
        tx.commit().await?;
        self.0.seen.revoke(user);
        self.note(Note::by(who, Event::SessionsEnded)).await;
        Ok(())
    }
}

pub(super) fn shown(session: Session, caller: &Principal) -> ActiveSession {
    ActiveSession {
        current: caller.session() == Some(session.id),
        id: session.id,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        ip: session.ip,
        user_agent: session.user_agent,
    }
}
