//! What every test stands on: the program in a folder of its own, and those who speak to it.

mod client;
mod deaf;
#[expect(dead_code, reason = "not all that one asks for is asked for here")]
#[path = "../../api/support/mail_server.rs"]
mod mail_server;
mod place;
mod proxy;
mod running;
mod schema;
mod upstream;

use std::time::Duration;

pub(crate) use client::{Client, PASSWORD, Reply, question};
pub(crate) use mail_server::{Mail, MailServer, Manner};
pub(crate) use place::{Done, Place, program};
pub(crate) use proxy::Proxy;
pub(crate) use running::{Running, Signal, says};
pub(crate) use schema::Schema;
pub(crate) use upstream::Upstream;

/// The longest that anything may take which a test waits for, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a stop may take that has nothing to wait for.
pub(crate) const PROMPTLY: Duration = Duration::from_millis(1_500);

/// Goes on while the test does something else.
#[expect(clippy::disallowed_methods, reason = "a test is not shut down")]
pub(crate) fn beside<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}

/// A port on which nobody listens: the system gives it to nobody else for a while.
pub(crate) fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < until, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
