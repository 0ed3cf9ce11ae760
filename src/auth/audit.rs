//! What happens to accounts and credentials, written down for administrators and for those whom it
//! concerns.

use serde_json::{Map, Value};

use super::Auth;
use crate::domain::{Actor, AuditEntry, AuditId, Event, KeyId, Origin, SessionId, UserId};
use crate::error::{self, Result};
use crate::store::audit::{self, Sought};
use crate::store::{Main, Tx};

/// What is to be written down.
#[derive(Clone, Debug)]
pub(super) struct Note {
    event: Event,
    actor: Option<UserId>,
    user: Option<UserId>,
    session: Option<SessionId>,
    key: Option<KeyId>,
    origin: Origin,
    details: Map<String, Value>,
}

impl Note {
    /// Somebody who is signed in does something to their own account.
    pub(super) fn by(actor: &Actor, event: Event) -> Self {
        Self {
            actor: Some(actor.user.clone()),
            user: Some(actor.user.clone()),
            session: actor.session(),
            key: actor.key(),
            ..Self::from(&actor.origin, event)
        }
    }

    /// Somebody does something who is not signed in.
    pub(super) fn from(origin: &Origin, event: Event) -> Self {
        Self {
            event,
            actor: None,
            user: None,
            session: None,
            key: None,
            origin: origin.clone(),
            details: Map::new(),
        }
    }

    /// Whose account it is done to.
    pub(super) fn about(mut self, user: &UserId) -> Self {
        self.user = Some(user.clone());
        self
    }

    /// Who does it, as it turned out, to their own account.
    pub(super) fn shown_to_be(mut self, user: &UserId, session: Option<SessionId>) -> Self {
        self.actor = Some(user.clone());
        self.session = session;
        self.about(user)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl Auth {
    /// Writes it down in the unit of work in which it is done: last, so that nothing else fails.
    pub(super) async fn record(&self, tx: &mut Tx<Main>, note: Note) -> Result<()> {
        let entry = self.entry(note);
        audit::add(tx, &entry).await?;
        log(&entry);
        Ok(())
    }

    /// Writes down what is done already. It stays done if this fails, and the log has it all the same.
    pub(super) async fn note(&self, note: Note) {
        let entry = self.entry(note);
        log(&entry);
        if let Err(error) = self.add_entry(&entry).await {
            let (event, cause) = (&entry.event, error::chain(&error));
            tracing::error!(audit.id = %entry.id, audit.event = %event, error = cause,
                "The audit log lacks an event");
        }
    }

    /// One page of the audit log, the newest entry first, and how many there are. Pages begin at 1.
    pub async fn audit(
        &self,
        sought: &Sought,
        page: u32,
        size: u32,
    ) -> Result<(Vec<AuditEntry>, u64)> {
        let offset = i64::from(page.saturating_sub(1)) * i64::from(size);
        let mut conn = self.0.main.read().await?;
        let total = audit::count(&mut conn, sought).await?;
        let found = audit::page(&mut conn, sought, size.into(), offset).await?;
        Ok((found, u64::try_from(total).unwrap_or_default()))
    }

    /// Sweeps out what is older than is to be kept, a little at a time; how much it was.
    pub async fn sweep_audit(&self) -> Result<u64> {
        let before = self.now().minus(self.0.audit_retention);
        let mut all = 0;
        loop {
            let mut tx = self.0.main.write().await?;
            let swept = audit::sweep(&mut tx, before).await?;
            tx.commit().await?;
            all += swept;
            if swept == 0 {
                return Ok(all);
            }
        }
    }

    async fn add_entry(&self, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        audit::add(&mut tx, entry).await?;
        tx.commit().await
    }

    fn entry(&self, note: Note) -> AuditEntry {
        AuditEntry {
            id: AuditId::new(&self.0.clock),
            at: self.now(),
            event: note.event.to_string(),
            actor_id: note.actor,
            user_id: note.user,
            session_id: note.session,
            key_id: note.key,
            ip: note.origin.ip.map(|ip| ip.to_string()),
            user_agent: note.origin.user_agent,
            request_id: note.origin.request_id.map(|id| id.to_string()),
            details: Value::Object(note.details),
        }
    }
}

/// For whoever watches the log for them; what the caller wrote stays in the database.
fn log(entry: &AuditEntry) {
    let field = |id: &Option<UserId>| id.as_ref().map(ToString::to_string);
    tracing::info!(
        audit.id = %entry.id,
        audit.event = %entry.event,
        audit.actor_id = field(&entry.actor_id),
        audit.user_id = field(&entry.user_id),
        audit.ip = entry.ip,
        "Audit: {}", entry.event
    );
}
