//! Reading a request. Whatever is wrong with it comes out in our envelope, with its field.

mod body;
mod fault;
mod json;
mod params;
mod text;

pub use body::{Raw, essence};
pub use fault::broken;
pub use json::{Json, JsonOrForm};
pub use params::{Path, Query};
