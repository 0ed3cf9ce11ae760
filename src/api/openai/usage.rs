//! What was used, added up.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::kit::caller::Caller;
use crate::api::kit::extract::{Json, Query};
use crate::api::kit::problem::{BadParameters, Failures, Unauthenticated};
use crate::domain::{Grouping, Scope, Sums, Ts, UsageRow, UserId};
use crate::error::{Error, Location, Result};
use crate::state::App;
use crate::store::ledger::{self, Span};

/// The longest span that is added up at once.
const LONGEST: i64 = 366;

/// What is added up, from when to when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// RFC 3339, or a day (`2026-11-01`). 30 days ago unless said.
    #[param(value_type = Option<String>)]
    from: Option<Ts>,
    /// RFC 3339, or a day, which is then the last. Now unless said.
    to: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<Grouping>, inline)]
    group_by: Grouping,
    /// Another user's usage. Administrators only.
    user_id: Option<String>,
    /// Everybody's usage. Administrators only.
    all: Option<bool>,
}

/// Usage by day, model or key; money in micro-dollars.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    items: Vec<Item>,
    total: Sums,
}

/// The sums of one day, model or key: the one that was asked for is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item {
    #[serde(flatten)]
    group: Group,
    #[serde(flatten)]
    sums: Sums,
}

/// What the sums are of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// `2026-11-21`
    Day(String),
    /// A public name.
    Model(String),
    /// A key's id; null for what came by a session.
    Key(Option<String>),
}

/// Add up usage
///
/// The caller's own requests, tokens and cost: by day (UTC) unless said, over the last 30 days
/// unless said.
#[utoipa::path(get, path = "/api/v1/usage", operation_id = "usage_get", tag = "usage",
    params(Asked),
    responses((status = 200, body = Usage), Unauthenticated, BadParameters, Failures))]
pub async fn get(caller: Caller, app: App, Query(asked): Query<Asked>) -> Result<Json<Usage>> {
    caller.require(Scope::UsageRead)?;
    let span = span(&caller, &asked, app.now())?;
    let mut conn = app.main.read().await?;
    let rows = match asked.group_by {
        Grouping::Day => ledger::by_day(&mut conn, &span).await?,
        Grouping::Model => ledger::by_model(&mut conn, &span).await?,
        Grouping::Key => ledger::by_key(&mut conn, &span).await?,
    };

    Ok(Json(Usage {
        total: rows.iter().map(|row| row.sums).sum(),
        items: rows
            .into_iter()
            .map(|row| item(row, asked.group_by))
            .collect(),
    }))
}

fn span(caller: &Caller, asked: &Asked, now: Ts) -> Result<Span> {
    let until = match &asked.to {
        Some(text) => end(text)?,
        None => now.plus(std::time::Duration::from_micros(1)),
    };
    let from = asked.from.unwrap_or_else(|| until.plus_days(-30));
    if from >= until {
        return Err(out_of_range("from", "must be before 'to'"));
    }
    if from < until.plus_days(-LONGEST) {
        return Err(out_of_range("from", "must be at most 366 days before 'to'"));
    }
    Ok(Span {
        user: whose(caller, asked)?,
        from,
        until,
    })
}

/// A day is meant to its end.
fn end(text: &str) -> Result<Ts> {
    let moment = Ts::parse(text).ok_or_else(|| {
        out_of_range(
            "to",
            "must be a time in RFC 3339, such as 2026-01-31T12:00:00Z, or a day",
        )
    })?;
    Ok(if text.len() == 10 {
        moment.plus_days(1)
    } else {
        moment
    })
}

fn whose(caller: &Caller, asked: &Asked) -> Result<Option<UserId>> {
    let is_all = asked.all == Some(true);
    if !is_all && asked.user_id.is_none() {
        return Ok(Some(caller.user.clone()));
    }
    if !caller.is_admin() {
        return Err(Error::forbidden(
            "insufficient_permissions",
            "Only administrators see the usage of others.",
        ));
    }
    match asked.user_id.as_deref().map(UserId::parse) {
        _ if is_all => Ok(None),
        Some(Some(user)) => Ok(Some(user)),
        _ => Err(out_of_range("user_id", "must be 1 to 255 characters")),
    }
}

fn out_of_range(name: &'static str, rule: &'static str) -> Error {
    let mut error = Error::invalid("validation_error", format!("Parameter '{name}' {rule}."))
        .at_in(Location::Query, name);
    for field in &mut error.fields {
        field.code = "out_of_range";
        field.message = rule.into();
    }
    error
}

fn item(row: UsageRow, grouping: Grouping) -> Item {
    let UsageRow { label, sums } = row;
    let group = match grouping {
        Grouping::Day => Group::Day(label.unwrap_or_default()),
        Grouping::Model => Group::Model(label.unwrap_or_default()),
        Grouping::Key => Group::Key(label),
    };
    Item { group, sums }
}
