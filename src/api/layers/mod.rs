//! What every request passes through, from the outside in.

pub mod cors;
pub mod csrf;
pub mod deadline;
pub mod head;
pub mod headers;
pub mod origin;
pub mod trace;
