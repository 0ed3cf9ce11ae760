//! What a request takes before its first attempt, in order, so that a refusal costs nothing.

use tokio::sync::OwnedSemaphorePermit;

use super::Relay;
use super::ask::Ask;
use super::catalogue::{Route, model_not_found};
use super::estimate::Estimate;
use super::meter::Meter;
use super::rates::Told;
use crate::domain::{RowId, Ts};
use crate::error::{Error, Result};
use crate::llm::ChatRequest;

/// Of a model's name, in bytes.
const LONGEST_NAME: usize = 512;

impl Relay {
    /// A row in the ledger is taken before the first attempt, so that no end can find it full.
    pub(super) async fn begin(&self, ask: Ask, told: &Told) -> Result<(ChatRequest, Route, Meter)> {
        permitted(&ask)?;
        let route = self.0.catalogue.resolve(ask.request.model())?;
        let place = self.place()?;
        let estimate = Estimate::of(&ask.request, route.max_output_tokens);
        let slot = self.0.ledger.reserve().await?;
        let rate = self.0.rates.take(&ask.principal, estimate, told).await?;
        // One moment for the reservation and for the row: what is reserved of a day is spent on it.
        let now = Ts::from_micros(self.0.clock.micros());
        let needs = (&route, estimate);
        let grantor = &self.0.grantor;
        let grants = grantor.grant(rate, &ask.principal, needs, now).await?;
        let watch = self.0.observer.watch(&ask);
        let row = (RowId::new(&self.0.clock), now);
        let meter = Meter::new(slot, grants, row, &ask, &route);
        let meter = meter.holding(place).watched(watch);
        Ok((ask.request, route, meter))
    }

    /// Taken before anything else is, and kept until the answer's end.
    fn place(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(places) = &self.0.places else {
            return Ok(None);
        };
        let place = places.clone().try_acquire_owned();
        let full = "Too many requests are running; come back in a moment.";
        place
            .map(Some)
            .map_err(|_| Error::unavailable("service_unavailable", full))
    }
}

/// Whether the model may be one that the caller may use.
pub(super) fn permitted(ask: &Ask) -> Result<()> {
    let name = ask.request.model();
    if is_name(name) && ask.principal.may_use_model(name) {
        return Ok(());
    }
    Err(model_not_found(name))
}

/// Whether a model can be called so: the name goes into the ledger, and PostgreSQL's text cannot hold
/// all that JSON can.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.contains(char::is_control)
}
