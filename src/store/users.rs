//! Accounts, without their credentials.

use futures_util::TryFutureExt;
use sqlx::error::DatabaseError;

use crate::domain::{Email, FlatCaps, Name, Patch, Role, Status, Ts, User, UserId, Username};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Which of a new account's names another account has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Username,
}

impl Taken {
    /// PostgreSQL names the constraint, SQLite the column.
    fn of(error: &dyn DatabaseError) -> Self {
        let said = error.constraint().unwrap_or(error.message());
        if said.contains("username") {
            Self::Username
        } else {
            Self::Email
        }
    }
}

/// Which users are looked for. None is all.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// Stands somewhere in the address or in the username.
    pub text: Option<String>,
    pub role: Option<Role>,
    pub status: Option<Status>,
}

pub async fn by_id(conn: &mut Conn<Main>, id: &UserId) -> Result<Option<User>> {
    const SQL: &str =
        "SELECT id, email, foreign_email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version,
                              budget_microusd, budget_period, rpm, tpm
                       FROM users WHERE id = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(id)
        .fetch_optional(c))?)
}

/// The user as they stand; nobody else changes them until the unit of work ends.
pub async fn hold(tx: &mut Tx<Main>, id: &UserId) -> Result<Option<User>> {
    const SQL: &str = "UPDATE users SET token_version = token_version WHERE id = $1
                       RETURNING id, email, foreign_email, username, name, role, status, email_verified,
                                 created_at, updated_at, last_seen_at, token_version,
                                 budget_microusd, budget_period, rpm, tpm";
    Ok(on!(tx, |c| sqlx::query_as::<_, User>(SQL)
        .bind(id)
        .fetch_optional(c))?)
}

pub async fn by_email(conn: &mut Conn<Main>, email: &Email) -> Result<Option<User>> {
    const SQL: &str =
        "SELECT id, email, foreign_email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version,
                              budget_microusd, budget_period, rpm, tpm
                       FROM users WHERE email = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(email)
        .fetch_optional(c))?)
}

pub async fn by_username(conn: &mut Conn<Main>, name: &Username) -> Result<Option<User>> {
    const SQL: &str =
        "SELECT id, email, foreign_email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version,
                              budget_microusd, budget_period, rpm, tpm
                       FROM users WHERE username = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(name)
        .fetch_optional(c))?)
}

/// Adds an account unless one of its names is taken, also by another request at this moment.
pub async fn add(tx: &mut Tx<Main>, user: &User) -> Result<Result<(), Taken>> {
    const SQL: &str = "INSERT INTO users (id, email, username, name, role, status, email_verified,
                                          created_at, updated_at, token_version,
                                          budget_microusd, budget_period, rpm, tpm,
                                          foreign_email)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                       ON CONFLICT DO NOTHING";
    let caps = FlatCaps::from(user.caps);
    let added = on!(tx, |c| sqlx::query(SQL)
        .bind(&user.id)
        .bind(&user.email.own)
        .bind(&user.username)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.status)
        .bind(user.email_verified)
        .bind(user.created_at)
        .bind(user.updated_at)
        .bind(user.token_version)
        .bind(caps.budget_microusd)
        .bind(caps.budget_period)
        .bind(caps.rpm)
        .bind(caps.tpm)
        .bind(&user.email.foreign)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    if added == 1 {
        return Ok(Ok(()));
    }
    let email_taken = match &user.email.own {
        Some(email) => by_email(tx, email).await?.is_some(),
        None => false,
    };
    Ok(Err(if email_taken {
        Taken::Email
    } else {
        Taken::Username
    }))
}

/// Changes what a user is called, unless another has that username, also by another request at this
/// moment. What is not said is not even written, so that changes at once do not undo each other. None
/// if there is no such account.
pub async fn rename(
    tx: &mut Tx<Main>,
    id: &UserId,
    (name, username): (Patch<Name>, Patch<Username>),
    now: Ts,
) -> Result<Result<Option<User>, Taken>> {
    const SQL: &str = "UPDATE users SET name = CASE WHEN $2 THEN $3 ELSE name END,
                                        username = CASE WHEN $4 THEN $5 ELSE username END,
                                        updated_at = $6
                       WHERE id = $1
                       RETURNING id, email, foreign_email, username, name, role, status, email_verified,
                                 created_at, updated_at, last_seen_at, token_version,
                                 budget_microusd, budget_period, rpm, tpm";
    let renamed = on!(tx, |c| sqlx::query_as::<_, User>(SQL)
        .bind(id)
        .bind(name.is_said())
        .bind(name.value())
        .bind(username.is_said())
        .bind(username.value())
        .bind(now)
        .fetch_optional(c));
    match renamed {
        // Of what is unique, no more than the username is written.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Ok(Err(Taken::Username))
        }
        renamed => Ok(Ok(renamed?)),
    }
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

/// Writes down what a foreign issuer says of a user who has no address of their own here.
pub async fn retell(
    tx: &mut Tx<Main>,
    id: &UserId,
    (email, is_verified): (Option<&Email>, bool),
    now: Ts,
) -> Result<()> {
    const SQL: &str = "UPDATE users SET foreign_email = $2, email_verified = $3, updated_at = $4
                       WHERE id = $1 AND email IS NULL";
    on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(email)
        .bind(is_verified)
        .bind(now)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
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

/// Writes down all of a user that may change, unless one of their names is taken.
pub async fn change(tx: &mut Tx<Main>, user: &User) -> Result<Result<(), Taken>> {
    const SQL: &str =
        "UPDATE users SET email = $2, username = $3, name = $4, role = $5, status = $6,
                                        email_verified = $7, updated_at = $8, token_version = $9,
                                        budget_microusd = $10, budget_period = $11, rpm = $12,
                                        tpm = $13
                       WHERE id = $1";
    let caps = FlatCaps::from(user.caps);
    let changed = on!(tx, |c| sqlx::query(SQL)
        .bind(&user.id)
        .bind(&user.email.own)
        .bind(&user.username)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.status)
        .bind(user.email_verified)
        .bind(user.updated_at)
        .bind(user.token_version)
        .bind(caps.budget_microusd)
        .bind(caps.budget_period)
        .bind(caps.rpm)
        .bind(caps.tpm)
        .execute(c)
        .map_ok(drop));
    match changed {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Ok(Err(Taken::of(&*error)))
        }
        changed => Ok(Ok(changed?)),
    }
}

/// Holds back everybody else who decides who administers, until the unit of work ends.
pub async fn hold_administration(tx: &mut Tx<Main>) -> Result<()> {
    const SQL: &str = "UPDATE guards SET name = name WHERE name = 'administrators'";
    on!(tx, |c| sqlx::query(SQL).execute(c).map_ok(drop))?;
    Ok(())
}

/// How many administrators may sign in.
pub async fn administrators(conn: &mut Conn<Main>) -> Result<i64> {
    const SQL: &str = "SELECT COUNT(*) FROM users WHERE role = 'admin' AND status = 'active'";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, i64>(SQL).fetch_one(c))?)
}

/// Some of those who are to be removed.
pub async fn doomed(conn: &mut Conn<Main>, most: i64) -> Result<Vec<UserId>> {
    const SQL: &str = "SELECT id FROM users WHERE status = 'deleted' ORDER BY id LIMIT $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, UserId>(SQL)
        .bind(most)
        .fetch_all(c))?)
}

/// Removes an account, and with it what is kept under its Idempotency-Keys.
pub async fn remove(tx: &mut Tx<Main>, id: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM users WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(id).execute(c).map_ok(drop))?;
    Ok(())
}

/// One page of users, the newest first.
pub async fn page(
    conn: &mut Conn<Main>,
    sought: &Sought,
    limit: i64,
    offset: i64,
) -> Result<Vec<User>> {
    const SQL: &str =
        "SELECT id, email, foreign_email, username, name, role, status, email_verified,
                              created_at, updated_at, last_seen_at, token_version,
                              budget_microusd, budget_period, rpm, tpm
                       FROM users
                       WHERE ($1 IS NULL OR email LIKE $1 ESCAPE '\\'
                                         OR foreign_email LIKE $1 ESCAPE '\\'
                                         OR username LIKE $1 ESCAPE '\\')
                         AND ($2 IS NULL OR role = $2) AND ($3 IS NULL OR status = $3)
                       ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(sought.pattern())
        .bind(sought.role)
        .bind(sought.status)
        .bind(limit)
        .bind(offset)
        .fetch_all(c))?)
}

pub async fn count(conn: &mut Conn<Main>, sought: &Sought) -> Result<i64> {
    const SQL: &str = "SELECT COUNT(*) FROM users
                       WHERE ($1 IS NULL OR email LIKE $1 ESCAPE '\\'
                                         OR foreign_email LIKE $1 ESCAPE '\\'
                                         OR username LIKE $1 ESCAPE '\\')
                         AND ($2 IS NULL OR role = $2) AND ($3 IS NULL OR status = $3)";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, i64>(SQL)
        .bind(sought.pattern())
        .bind(sought.role)
        .bind(sought.status)
        .fetch_one(c))?)
}

impl Sought {
    /// Addresses and usernames are kept in small letters.
    fn pattern(&self) -> Option<String> {
        let text = self.text.as_ref()?.to_lowercase();
        let mut pattern = String::from("%");
        for letter in text.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        Some(pattern)
    }
}
