//! What the service says of itself.

mod dependencies;
mod health;
mod index;
mod metrics;
mod outage;
mod probes;
mod status;
