//! Accounts, without their credentials.

use futures_util::TryFutureExt;

use crate::domain::{Email, Role, Ts, User, UserId, Username};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Which of a new account's names another account has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Username,
}

pub async fn by_id(conn: &mut Conn<Main>, id: &UserId) -> Result<Option<User>> {
    const SQL: &str = "SELECT id, email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version
                       FROM users WHERE id = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(id)
        .fetch_optional(c))?)
}

pub async fn by_email(conn: &mut Conn<Main>, email: &Email) -> Result<Option<User>> {
    const SQL: &str = "SELECT id, email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version
                       FROM users WHERE email = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(email)
        .fetch_optional(c))?)
}

pub async fn by_username(conn: &mut Conn<Main>, name: &Username) -> Result<Option<User>> {
    const SQL: &str = "SELECT id, email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version
                       FROM users WHERE username = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(name)
        .fetch_optional(c))?)
}

/// Adds an account unless one of its names is taken, also by another request at this moment.
pub async fn add(tx: &mut Tx<Main>, user: &User) -> Result<Result<(), Taken>> {
    const SQL: &str = "INSERT INTO users (id, email, username, name, role, status, email_verified,
                                          created_at, updated_at, token_version)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                       ON CONFLICT DO NOTHING";
    let added = on!(tx, |c| sqlx::query(SQL)
        .bind(&user.id)
        .bind(&user.email)
        .bind(&user.username)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.status)
        .bind(user.email_verified)
        .bind(user.created_at)
        .bind(user.updated_at)
        .bind(user.token_version)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    if added == 1 {
        return Ok(Ok(()));
    }
    let email_taken = by_email(tx, &user.email).await?.is_some();
    Ok(Err(if email_taken {
        Taken::Email
    } else {
        Taken::Username
    }))
}

/// Makes an existing account an active administrator, whose older tokens are dead. False if there
/// is no such account.
pub async fn promote(tx: &mut Tx<Main>, id: &UserId, now: Ts) -> Result<bool> {
    const SQL: &str = "UPDATE users SET role = $2, status = 'active', updated_at = $3,
                                        token_version = token_version + 1
                       WHERE id = $1";
    let changed = on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(Role::Admin)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Notes that a user was here.
pub async fn seen(tx: &mut Tx<Main>, id: &UserId, now: Ts) -> Result<()> {
    const SQL: &str = "UPDATE users SET last_seen_at = $2 WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(now)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}
