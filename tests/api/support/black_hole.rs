//! An address that lets callers wait.

use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// A socket that accepts nobody. Its queue is full after a few; then the kernel lets callers wait for
/// a connection.
#[derive(Debug)]
pub(crate) struct BlackHole {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    pub(crate) async fn open() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        let patience = Duration::from_millis(200);
        while let Ok(next) = timeout(patience, TcpStream::connect(address)).await {
            queue.push(next.unwrap());
        }
        Self {
            listener,
            _queue: queue,
        }
    }

    /// The base URL, as a provider is configured with it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.listener.local_addr().unwrap())
    }
}
