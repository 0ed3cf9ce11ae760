//! What is kept for a moment: in memory, and in Redis where all replicas are to share it.

mod bucket;
mod limiter;
mod locks;
mod memory;
mod outage;
mod redis;
mod replicas;
mod scripted;
mod shared;

pub use bucket::{Bucket, Level};
pub use limiter::{Hold, Limiter};
pub use locks::Locks;
pub use redis::Redis;
