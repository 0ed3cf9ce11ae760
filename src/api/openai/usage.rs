//! What was used, added up.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::kit::extract::{Json, Query, broken};
use crate::api::kit::refusals::{BadParameters, Failures, Unauthenticated};
use crate::api::kit::scoped::{Scoped, UsageRead};
use crate::api::kit::until::until;
use crate::domain::{Grouping, Principal, Sums, Ts, UsageRow, UserId};
use crate::error::{Error, Field, Location, Result};
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
    /// What is added up. By day unless said.
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
#[schema(examples(json!({
    "items": [{"day": "2026-11-21", "requests": 3, "prompt_tokens": 900, "cached_tokens": 0,
        "completion_tokens": 120, "reasoning_tokens": 0, "cost_microusd": 207}],
    "total": {"requests": 3, "prompt_tokens": 900, "cached_tokens": 0, "completion_tokens": 120,
        "reasoning_tokens": 0, "cost_microusd": 207}})))]
pub struct Usage {
    items: Vec<Item>,
    total: Sums,
}

/// The sums of one day, model or key: by what was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = UsageItem)]
pub enum Item {
    Day {
        /// In UTC.
        #[schema(examples("2026-11-21"))]
        day: String,
        #[serde(flatten)]
        sums: Sums,
    },
    Model {
        model: String,
        #[serde(flatten)]
        sums: Sums,
    },
    Key {
        /// The key's id; null for what came by a session.
        #[schema(required = true)]
        key: Option<String>,
        #[serde(flatten)]
        sums: Sums,
    },
}

/// Add up usage
///
/// The caller's own requests, tokens and cost: by day (UTC) unless said, over the last 30 days
/// unless said.
#[utoipa::path(get, path = "/api/v1/usage", operation_id = "usage_get", tag = "usage",
    params(Asked),
    responses((status = 200, description = "The sums.", body = Usage),
        Unauthenticated, BadParameters, Failures))]
pub async fn get(
    caller: Scoped<UsageRead>,
    app: App,
    Query(asked): Query<Asked>,
) -> Result<Json<Usage>> {
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

fn span(caller: &Principal, asked: &Asked, now: Ts) -> Result<Span> {
    let user = whose(caller, asked)?;
    let until = match &asked.to {
        Some(text) => until(text)?,
        None => now.plus(std::time::Duration::from_micros(1)),
    };
    let from = asked.from.unwrap_or_else(|| until.plus_days(-30));
    if from >= until {
        return Err(breaks("from", "out_of_range", "must be before 'to'"));
    }
    if from < until.plus_days(-LONGEST) {
        let rule = "must be at most 366 days before 'to'";
        return Err(breaks("from", "out_of_range", rule));
    }
    Ok(Span { user, from, until })
}

fn whose(caller: &Principal, asked: &Asked) -> Result<Option<UserId>> {
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
        None => Ok(None),
        Some(_) if is_all => Err(breaks(
            "user_id",
            "ambiguous",
            "must not be sent beside 'all'",
        )),
        Some(Some(user)) => Ok(Some(user)),
        Some(None) => Err(breaks(
            "user_id",
            "invalid",
            "must have 1 to 255 characters",
        )),
    }
}

fn breaks(name: &'static str, code: &'static str, rule: &'static str) -> Error {
    broken(vec![Field {
        name: name.into(),
        location: Location::Query,
        code,
        message: rule.into(),
    }])
}

fn item(row: UsageRow, grouping: Grouping) -> Item {
    let UsageRow { label, sums } = row;
    let named = || label.clone().unwrap_or_default();
    match grouping {
        Grouping::Day => Item::Day { day: named(), sums },
        Grouping::Model => Item::Model {
            model: named(),
            sums,
        },
        Grouping::Key => Item::Key { key: label, sums },
    }
}
