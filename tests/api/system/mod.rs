//! What the service says of itself.

mod health;
mod index;
mod outage;
mod probes;
mod status;
