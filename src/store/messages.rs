//! Messages that wait to be sent.
//!
//! A row is due at a time, and whoever takes it moves that time: a sender that dies with a message in
//! its hands leaves it to another.

use futures_util::TryFutureExt;

use crate::domain::{Channel, MessageId, Ts, UserId, WaitingMessage};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// A message as it lies there.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Message {
    pub id: MessageId,
    pub channel: Channel,
    /// To whom. None: to somebody who has no account.
    pub user_id: Option<UserId>,
    pub sealed: Vec<u8>,
    pub created_at: Ts,
    pub due_at: Ts,
    /// It is of no use later.
    pub expires_at: Ts,
    /// How often it was taken to be sent.
    pub tries: i64,
}

pub async fn add(tx: &mut Tx<Main>, message: &Message) -> Result<()> {
    const SQL: &str = "INSERT INTO messages (id, channel, user_id, sealed, created_at, due_at,
                                             expires_at, tries)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(message.id)
        .bind(message.channel)
        .bind(&message.user_id)
        .bind(&message.sealed)
        .bind(message.created_at)
        .bind(message.due_at)
        .bind(message.expires_at)
        .bind(message.tries)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Whether a message is due.
pub async fn any_due(conn: &mut Conn<Main>, channel: Channel, now: Ts) -> Result<bool> {
    const SQL: &str = "SELECT 1 FROM messages WHERE channel = $1 AND due_at <= $2 LIMIT 1";
    Ok(on!(conn, |c| sqlx::query(SQL)
        .bind(channel)
        .bind(now)
        .fetch_optional(c)
        .map_ok(|row| row.is_some()))?)
}

/// Takes the message that is due longest, until `until`: nobody else takes it before. None also where
/// another took it at this moment.
pub async fn take(
    tx: &mut Tx<Main>,
    channel: Channel,
    (now, until): (Ts, Ts),
) -> Result<Option<Message>> {
    const SQL: &str = "UPDATE messages SET due_at = $3, tries = tries + 1
                       WHERE id = (SELECT id FROM messages WHERE channel = $1 AND due_at <= $2
                                   ORDER BY due_at, id LIMIT 1)
                         AND due_at <= $2
                       RETURNING id, channel, user_id, sealed, created_at, due_at, expires_at,
                                 tries";
    Ok(on!(tx, |c| sqlx::query_as::<_, Message>(SQL)
        .bind(channel)
        .bind(now)
        .bind(until)
        .fetch_optional(c))?)
}

/// Puts a message back until `due`, unless another has taken it since.
pub async fn put_back(tx: &mut Tx<Main>, message: &Message, due: Ts) -> Result<()> {
    const SQL: &str = "UPDATE messages SET due_at = $3 WHERE id = $1 AND tries = $2";
    on!(tx, |c| sqlx::query(SQL)
        .bind(message.id)
        .bind(message.tries)
        .bind(due)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

pub async fn remove(tx: &mut Tx<Main>, id: MessageId) -> Result<()> {
    const SQL: &str = "DELETE FROM messages WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(id).execute(c).map_ok(drop))?;
    Ok(())
}

/// What waits for the user, the oldest first.
pub async fn of(conn: &mut Conn<Main>, user: &UserId, most: i64) -> Result<Vec<WaitingMessage>> {
    const SQL: &str = "SELECT channel, created_at, expires_at FROM messages WHERE user_id = $1
                       ORDER BY id LIMIT $2";
    Ok(on!(conn, |c| sqlx::query_as::<_, WaitingMessage>(SQL)
        .bind(user)
        .bind(most)
        .fetch_all(c))?)
}

/// Lets go of what waits for the user.
pub async fn forget(tx: &mut Tx<Main>, user: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM messages WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}
