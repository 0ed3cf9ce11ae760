//! Something between the program and a server, which can be taken away and put back.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Proxy {
    address: String,
    target: String,
    tasks: JoinSet<()>,
}

impl Proxy {
    /// Nobody listens yet.
    pub(crate) fn to(target: &str) -> Self {
        Self {
            address: format!("127.0.0.1:{}", super::free_port()),
            target: target.to_owned(),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        self.tasks.spawn(accept(listener, self.target.clone()));
    }

    /// Breaks every connection off, and refuses new ones.
    pub(crate) async fn close(&mut self) {
        self.tasks.shutdown().await;
    }
}

async fn accept(listener: TcpListener, target: String) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let target = target.clone();
        connections.spawn(async move {
            let mut far = TcpStream::connect(target).await.unwrap();
            copy_bidirectional(&mut near, &mut far).await.ok();
        });
    }
}
