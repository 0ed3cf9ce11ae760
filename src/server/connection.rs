//! One connection: what it may ask of us, and how long it may keep us waiting.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::stall::Impatient;

/// Who does not send a whole head by then is not served.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most of a head, of a body that nobody reads yet, and of an answer that its caller does not read.
const BUFFER: usize = 64 << 10;
/// Streams of one HTTP/2 connection.
const STREAMS: u32 = 200;
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How a connection may end before its client wants it to.
pub(super) struct Terms {
    /// Tells that it should come to an end.
    pub(super) watcher: Watcher,
    /// Ends it, whatever it does.
    pub(super) cut: CancellationToken,
    /// How long a head may take to come. An answer may stand still for twice as long.
    pub(super) patience: Duration,
}

impl Terms {
    /// Serves one connection until it ends, asks for nothing, or is cut.
    pub(super) async fn serve<I, A, F>(self, io: I, answer: A)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Result<Response, Infallible>> + Send + 'static,
    {
        let asked = CancellationToken::new();
        let first = asked.clone();
        let service = service_fn(move |request| {
            first.cancel();
            answer(request)
        });
        let io = TokioIo::new(Impatient::new(io, self.patience * 2));
        let connection = builder(self.patience)
            .serve_connection_with_upgrades(io, service)
            .into_owned();
        tokio::select! {
            ended = self.watcher.watch(connection) => tell(ended),
            () = silence(asked, self.patience) => tracing::debug!("A connection asked for nothing"),
            () = self.cut.cancelled() => tracing::debug!("A connection was cut"),
        }
    }
}

/// Resolves when nothing has been asked in time. HTTP/1 has a limit of its own for each head, but
/// which version is spoken is waited for without one.
async fn silence(asked: CancellationToken, patience: Duration) {
    if timeout(patience, asked.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

fn tell(ended: Result<(), Box<dyn Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "A connection broke off");
    }
}

fn builder(patience: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(BUFFER)
        .keep_alive_interval(PING_INTERVAL);
    builder
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use hyper_util::server::graceful::GracefulShutdown;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    /// What a client reads that sends these bytes and then waits until the server closes.
    async fn read_after(sent: &[u8]) -> String {
        let open = GracefulShutdown::new();
        let terms = Terms {
            watcher: open.watcher(),
            cut: CancellationToken::new(),
            patience: PATIENCE,
        };
        let (mut near, far) = duplex(1 << 20);
        near.write_all(sent).await.unwrap();
        let mut read = Vec::new();
        let served = terms.serve(far, |_| async { Ok("well".into_response()) });
        let both = async { tokio::join!(served, near.read_to_end(&mut read)) };
        let ((), closed) = timeout(PATIENCE * 50, both).await.unwrap();
        closed.unwrap();
        String::from_utf8_lossy(&read).into_owned()
    }

    #[tokio::test]
    async fn who_asks_for_nothing_is_let_go() {
        for half in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            PREFACE,
            b"GET / HT",
            &REQUEST[..20],
        ] {
            let read = read_after(half).await;
            assert!(!read.contains("200 OK"), "{read}");
        }
    }

    #[tokio::test]
    async fn who_asks_for_nothing_more_is_let_go() {
        let read = read_after(REQUEST).await;

        assert!(read.ends_with("well"), "{read}");
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_a_question() {
        let open = GracefulShutdown::new();
        let terms = Terms {
            watcher: open.watcher(),
            cut: CancellationToken::new(),
            patience: PATIENCE,
        };
        let (mut near, far) = duplex(1 << 20);
        near.write_all(REQUEST).await.unwrap();
        let mut read = Vec::new();

        let served = terms.serve(far, |_| async {
            tokio::time::sleep(PATIENCE * 3).await;
            Ok("well".into_response())
        });
        tokio::join!(served, near.read_to_end(&mut read)).1.unwrap();

        assert!(read.ends_with(b"well"));
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let open = GracefulShutdown::new();
        let terms = Terms {
            watcher: open.watcher(),
            cut: CancellationToken::new(),
            patience: PATIENCE,
        };
        let (mut near, far) = duplex(1 << 10);
        near.write_all(REQUEST).await.unwrap();

        let served = terms.serve(far, |_| async { Ok("x".repeat(1 << 20).into_response()) });

        timeout(PATIENCE * 50, served).await.unwrap();
    }

    #[tokio::test]
    async fn a_cut_ends_what_would_not_end() {
        let open = GracefulShutdown::new();
        let cut = CancellationToken::new();
        let terms = Terms {
            watcher: open.watcher(),
            cut: cut.clone(),
            patience: HEAD_TIMEOUT,
        };
        let (_near, far) = duplex(1 << 20);
        cut.cancel();

        let served = terms.serve(far, |_| async { Ok("well".into_response()) });

        timeout(PATIENCE, served).await.unwrap();
    }
}
