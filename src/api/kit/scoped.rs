//! Callers whose credentials reach a scope. Standing before the extractors of paths, queries and
//! bodies, it refuses before any of these is read.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use derive_more::Deref;
use http::request::Parts;

use super::caller::Caller;
use crate::domain::{Principal, Scope};
use crate::error::{Error, Result};
use crate::state::App;

/// A caller who may do what `R` stands for.
#[derive(Clone, Deref)]
pub struct Scoped<R> {
    #[deref]
    pub principal: Principal,
    right: PhantomData<R>,
}

/// A scope as a type.
pub trait Right {
    const SCOPE: Scope;
}

macro_rules! rights {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Right for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

rights! { Completions Models UsageRead ProfileRead }

impl<R: Right> FromRequestParts<App> for Scoped<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Caller(principal) =
            <Caller as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if !principal.may(R::SCOPE) {
            return Err(insufficient());
        }
        Ok(Self {
            principal,
            right: PhantomData,
        })
    }
}

impl<R> fmt::Debug for Scoped<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.principal.fmt(f)
    }
}

pub(super) fn insufficient() -> Error {
    Error::forbidden(
        "insufficient_scope",
        "This API key does not have the scope that is needed here.",
    )
}
