//! A caller on a raw socket, who sees every byte and when it comes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// No test waits longer than this for a byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection. Dropping it hangs up.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpSocket::new_v4().unwrap(), address).await
    }

    /// Takes in a few kilobytes and no more as long as nobody reads.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Self::over(socket, address).await
    }

    async fn over(socket: TcpSocket, address: SocketAddr) -> Self {
        Self {
            stream: socket.connect(address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Sends a JSON body to `path`, and reads nothing.
    pub(crate) async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: concierge\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let length = body.len().to_string();
        head.extend([
            "content-type: application/json\r\ncontent-length: ",
            &length,
            "\r\n\r\n",
        ]);
        let request = [head.as_bytes(), body].concat();
        self.stream.write_all(&request).await.unwrap();
    }

    pub(crate) async fn head(&mut self) -> Head {
        let text = String::from_utf8(self.until(b"\r\n\r\n").await).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        Head { status, text }
    }

    /// The next chunk of a chunked body; None at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        while self.unread.len() < size + 2 {
            assert!(self.more().await, "the answer ends within a chunk");
        }
        let rest = self.unread.split_off(size + 2);
        let mut chunk = std::mem::replace(&mut self.unread, rest);
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// What is left of a chunked body.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await {
            whole.extend(chunk);
        }
        whole
    }

    /// Whether the other side closes without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.more().await
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.unread.windows(end.len()).position(|at| at == end);
            if let Some(at) = found {
                let rest = self.unread.split_off(at + end.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            assert!(self.more().await, "the answer ends too early");
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        matches!(read.expect("nothing came for 10 s"), Ok(1..))
    }
}
