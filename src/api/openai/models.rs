//! The models that a caller may use.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::kit::extract::{Json, Path};
use crate::api::kit::refusals::{MissingModel, OpenAiFailures};
use crate::api::kit::scoped::{self, Scoped};
use crate::error::Result;
use crate::relay::ModelEntry;
use crate::state::App;

/// OpenAI's list shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelList, examples(json!({"object": "list", "data": [{
    "id": "gpt-4o-mini", "object": "model", "created": 1_721_172_741, "owned_by": "openai"}]})))]
pub struct Models {
    object: &'static str,
    #[schema(value_type = Vec<Model>)]
    data: Vec<Value>,
}

/// One model; an upstream may say more of it than this.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "gpt-4o-mini", "object": "model", "created": 1_721_172_741, "owned_by": "openai"
})))]
pub struct Model {
    id: String,
    object: String,
    created: u64,
    owned_by: String,
}

/// List models
///
/// The configured names, and what the providers list. A provider that does not answer is left out.
#[utoipa::path(get, path = "/api/v1/models", operation_id = "models_list", tag = "completions",
    responses((status = 200, description = "All models.", body = Models), OpenAiFailures))]
pub async fn list(caller: Scoped<scoped::Models>, app: App) -> Result<Json<Models>> {
    let models = app.relay.models(&caller).await?;

    Ok(Json(Models {
        object: "list",
        data: models.into_iter().map(ModelEntry::into_json).collect(),
    }))
}

/// Get one model
///
/// The name may hold slashes.
#[utoipa::path(get, path = "/api/v1/models/{id}", operation_id = "models_get", tag = "completions",
    params(("id" = String, Path, description = "A public model name; slashes may stand in it.")),
    responses((status = 200, description = "One model.", body = Model), OpenAiFailures, MissingModel))]
pub async fn one(
    caller: Scoped<scoped::Models>,
    app: App,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let model = app.relay.model(&caller, &id).await?;

    Ok(Json(model.into_json()))
}
