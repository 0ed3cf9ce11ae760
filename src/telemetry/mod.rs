//! What the process tells of itself: log lines, numbers, and spans for a collector.

mod log;
mod metrics;
pub mod names;
mod requests;
pub mod traces;

pub use log::{Output, start};
pub use metrics::{Counter, Gauge, Histogram, Metrics};
pub use requests::{Requests, Running};
pub use traces::Traces;
