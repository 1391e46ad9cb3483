//! The admin API: deleting series, rewriting blocks without what was deleted, copies of all there is.
//!
//! Answers are those of Prometheus. A request is on behalf of a tenant, told as on the write path.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::json;
use super::params::Params;
use super::selectors::Selectors;
use super::whose::Whose;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::{Durable, Matcher, TenantId, TimeRange};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What the admin API works on.
#[derive(Debug, Clone)]
pub struct Admin {
    pub storage: Arc<dyn AdminStorage>,
    pub whose: Whose,
}

/// Who does what the admin API is asked for.
pub trait AdminStorage: Debug + Send + Sync {
    /// Deletes what series of `tenant` that all matchers of one of `selectors` accept have in `range`. `None`: there was
    /// nothing that could be deleted.
    fn delete<'a>(
        &'a self,
        tenant: &'a TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> AdminFuture<'a, Option<Durable>>;

    /// Rewrites the blocks of `tenant` without what was deleted from them.
    fn clean_tombstones<'a>(&'a self, tenant: &'a TenantId) -> AdminFuture<'a, ()>;

    /// Puts all that `tenant` has into a directory of blocks, its head only if not `skip_head`; says how that is called.
    fn snapshot<'a>(&'a self, tenant: &'a TenantId, skip_head: bool) -> AdminFuture<'a, String>;
}

/// What an [`AdminStorage`] answers with.
pub type AdminFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AdminError>> + Send + 'a>>;

/// Why an admin request was not fulfilled, by what the client can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Later it may be.
    #[error("{0}")]
    Unavailable(String),
    /// What it is about cannot be done here.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

/// Success without data is no content.
#[derive(Debug)]
pub(super) struct Done;

pub(super) async fn delete_series(State(api): State<Arc<Api>>, params: Params) -> Result<Done, ApiError> {
    let admin = api.admin()?;
    params.check_form()?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let range = params.range()?;
    let selectors = Selectors::parse_any(&params).map_err(|fault| ApiError::parameter("match[]", fault))?;
    let tenant = admin.whose.tenant(&params)?;
    if let Some(range) = range {
        let _durable = admin.storage.delete(&tenant, selectors.or_all(), range).await?;
    }
    Ok(Done)
}

pub(super) async fn clean_tombstones(State(api): State<Arc<Api>>, params: Params) -> Result<Done, ApiError> {
    let admin = api.admin()?;
    admin.storage.clean_tombstones(&admin.whose.tenant(&params)?).await?;
    Ok(Done)
}

pub(super) async fn snapshot(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let admin = api.admin()?;
    let skip_head = match params.get("skip_head") {
        None | Some("") => false,
        Some(text) => parse_bool(text).ok_or_else(|| {
            let quoted = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
            ApiError::parameter("skip_head", quoted)
        })?,
    };
    let name = admin.storage.snapshot(&admin.whose.tenant(&params)?, skip_head).await?;
    let mut data = br#"{"name":"#.to_vec();
    json::push_string(name.as_bytes(), &mut data);
    data.push(b'}');
    Ok(Answer { data, ..Answer::default() })
}

/// What Go takes for a truth.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

impl Api {
    fn admin(&self) -> Result<&Admin, ApiError> {
        self.admin.as_ref().ok_or(ApiError::Disabled("admin APIs disabled"))
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Unavailable(text) => Self::Unavailable(text),
            AdminError::Refused(text) => Self::Execution(text),
            AdminError::Failed(text) => Self::Internal(text),
        }
    }
}

#[cfg(test)]
mod tests;
