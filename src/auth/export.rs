//! A copy of all that is kept about a user, a little at a time.

use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::audit::Note;
use super::{Auth, key, logins};
use crate::domain::{
    Actor, AuditEntry, AuditId, Event, ExportedAccount, Holder, IdempotencyKey, KeptAnswer,
    LiveCode, Purpose, RowId, Ts, UsageEntry, User, UserId,
};
use crate::error::Result;
use crate::store::vault::{codes, keys, passwords, resets, sessions};
use crate::store::{Conn, Vault, audit, budgets, identities, ledger, messages, replays};

/// Entries of one part.
const PAGE: i64 = 500;
/// Answers of one part: each may be large.
const ANSWERS: i64 = 8;

/// Messages on their way to one user: there are never so many.
const MESSAGES: i64 = 1_000;

/// What there may be much of. The parts come in this order, each at least once, the oldest entries
/// first.
#[derive(Clone, Debug)]
pub enum Part {
    Usage(Vec<UsageEntry>),
    Answers(Vec<KeptAnswer>),
    Audit(Vec<AuditEntry>),
}

/// What is read next, and after which entry.
enum Next {
    Usage(Option<(Ts, RowId)>),
    Answers(Option<(String, IdempotencyKey)>),
    Audit(Option<AuditId>),
    Nothing,
}

impl Auth {
    /// All that is kept about the caller but for what opens the account: first what there is one of,
    /// then the rest as it is read.
    pub async fn export(
        &self,
        who: &Actor,
    ) -> Result<(ExportedAccount, impl Stream<Item = Result<Part>> + use<>)> {
        let account = self.exported_account(who).await?;
        self.note(Note::by(who, Event::DataExported)).await;
        let (auth, user) = (self.clone(), who.user.clone());
        let parts = try_unfold(Next::Usage(None), move |next| {
            let (auth, user) = (auth.clone(), user.clone());
            async move { auth.part(&user, next).await }
        });
        Ok((account, parts))
    }

    async fn exported_account(&self, who: &Actor) -> Result<ExportedAccount> {
        let (id, now) = (&who.user, self.now());
        let user = self.user(id).await?;
        let mut vault = self.0.vault.read().await?;
        let password_changed_at = passwords::changed_at(&mut vault, id).await?;
        let sessions = sessions::live_of(&mut vault, id, now).await?;
        let keys = keys::page(&mut vault, id, key::MOST_KEYS, 0).await?;
        let live_codes = live_codes(&mut vault, &user, now).await?;
        drop(vault);
        let mut holders = vec![Holder::User(id.clone()).to_string()];
        holders.extend(keys.iter().map(|key| Holder::Key(key.id).to_string()));
        let mut main = self.0.main.read().await?;
        let budgets = budgets::spent(&mut main, &holders).await?;
        let identities = identities::of(&mut main, id).await?;
        let waiting_messages = messages::of(&mut main, id, MESSAGES).await?;
        drop(main);
        Ok(ExportedAccount {
            exported_at: now,
            caps: user.caps.into(),
            user,
            password_changed_at,
            identities,
            sessions: sessions
                .into_iter()
                .map(|session| logins::shown(session, who))
                .collect(),
            api_keys: keys.into_iter().map(key::shown).collect(),
            budgets,
            live_codes,
            waiting_messages,
        })
    }

    async fn part(&self, user: &UserId, next: Next) -> Result<Option<(Part, Next)>> {
        let mut conn = self.0.main.read().await?;
        Ok(Some(match next {
            Next::Usage(after) => {
                let rows = ledger::of(&mut conn, user, after, PAGE).await?;
                let last = last(&rows, PAGE).map(|row| (row.at, row.id));
                let next = last.map_or(Next::Answers(None), |last| Next::Usage(Some(last)));
                (Part::Usage(rows), next)
            }
            Next::Answers(after) => {
                let bounds = (self.now(), ANSWERS);
                let kept = replays::of(&mut conn, user, after.as_ref(), bounds).await?;
                let last = last(&kept, ANSWERS);
                let last = last.map(|kept| (kept.operation.clone(), kept.idempotency_key.clone()));
                let next = last.map_or(Next::Audit(None), |last| Next::Answers(Some(last)));
                (Part::Answers(kept), next)
            }
            Next::Audit(after) => {
                let mut entries = audit::about(&mut conn, user, after, PAGE).await?;
                let last = last(&entries, PAGE).map(|entry| entry.id);
                let next = last.map_or(Next::Nothing, |last| Next::Audit(Some(last)));
                for entry in &mut entries {
                    hide_others(entry, user);
                }
                (Part::Audit(entries), next)
            }
            Next::Nothing => return Ok(None),
        }))
    }
}

/// What was sent to the user and can still be used.
async fn live_codes(conn: &mut Conn<Vault>, user: &User, now: Ts) -> Result<Vec<LiveCode>> {
    let reset = resets::live_of(conn, &user.id, now).await?;
    let destination = user.email.own.as_ref();
    let reset = reset.zip(destination);
    let reset = reset.map(|((created_at, expires_at), destination)| LiveCode {
        purpose: Purpose::Password,
        destination: destination.to_string(),
        created_at,
        expires_at,
    });
    let mut live: Vec<_> = reset.into_iter().collect();
    live.extend(codes::live_of(conn, &user.id, now).await?);
    Ok(live)
}

/// The last entry of a page that is full: there may be more.
fn last<T>(page: &[T], size: i64) -> Option<&T> {
    let is_full = i64::try_from(page.len()).is_ok_and(|length| length >= size);
    page.last().filter(|_| is_full)
}

/// Where an administrator works from is not about the user.
fn hide_others(entry: &mut AuditEntry, user: &UserId) {
    if entry.actor_id.as_ref().is_some_and(|actor| actor != user) {
        entry.session_id = None;
        entry.key_id = None;
        entry.ip = None;
        entry.user_agent = None;
        entry.request_id = None;
    }
}
