//! An upstream on a raw socket that does what a script says, byte for byte, and remembers what it saw.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A server on the loopback address. Dropping it closes its connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the headers, up to the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// What the upstream does with one request.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    head: Head,
    steps: Vec<Step>,
    end: End,
}

#[derive(Debug, Default)]
struct Shared {
    scripts: Mutex<VecDeque<Script>>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    requests: Vec<Request>,
    hang_ups: Vec<Instant>,
    written: usize,
}

#[derive(Clone, Debug)]
enum Head {
    None,
    Framed {
        status: u16,
        headers: String,
        framing: Framing,
    },
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(Option<usize>),
    Chunked,
    UntilClose,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// As the framing says; the connection can be used again.
    Clean,
    /// The connection is closed where the script stops.
    Cut,
    /// Likewise, with a reset.
    Reset,
    /// Nothing more happens until the client goes.
    Hang,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// The base URL, as a provider is configured with it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Says what happens to the next request that has no script yet. One without a script is answered
    /// with 599.
    pub(crate) fn answers(&self, script: Script) -> &Self {
        self.shared.scripts.lock().unwrap().push_back(script);
        self
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.seen.borrow().requests.clone()
    }

    /// How many connections have been opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.seen.borrow().connections
    }

    /// Waits for the first request to have come whole.
    pub(crate) async fn request(&self) -> Request {
        self.wait("a request", |seen| seen.requests.first().cloned())
            .await
    }

    /// Waits for so many requests to have come.
    pub(crate) async fn has_seen(&self, requests: usize) {
        let come = |seen: &Seen| (seen.requests.len() >= requests).then_some(());
        self.wait("as many requests", come).await;
    }

    /// Waits until the client closes a connection in the middle of an answer, and tells when it did.
    pub(crate) async fn closed(&self) -> Instant {
        self.closed_times(1).await
    }

    /// Waits until that has happened so many times, and tells when it last did.
    pub(crate) async fn closed_times(&self, times: usize) -> Instant {
        self.wait("a hang-up", |seen| seen.hang_ups.get(times - 1).copied())
            .await
    }

    /// Waits for so many requests to have come whole.
    pub(crate) async fn asked_times(&self, times: usize) {
        self.wait("a request", |seen| seen.requests.get(times - 1).map(|_| ()))
            .await;
    }

    /// Waits until nothing more can be written for half a second, and tells how many bytes of bodies
    /// have been.
    pub(crate) async fn written_when_blocked(&self) -> usize {
        let mut before = 0;
        loop {
            sleep(Duration::from_millis(500)).await;
            let now = self.shared.seen.borrow().written;
            if now == before && now > 0 {
                return now;
            }
            before = now;
        }
    }

    /// The keys that were sent, in the order of the requests.
    pub(crate) fn keys(&self) -> Vec<String> {
        let requests = self.requests();
        let keys = requests.iter().map(|request| {
            let lines = request.head.lines();
            let mut keys = lines.filter_map(|line| line.strip_prefix("authorization: Bearer "));
            keys.next().unwrap_or_default().to_owned()
        });
        keys.collect()
    }

    async fn wait<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        let mut seen = self.shared.seen.subscribe();
        let found = seen.wait_for(|seen| look(seen).is_some());
        let found = timeout(Duration::from_secs(5), found)
            .await
            .unwrap_or_else(|_| panic!("the upstream has not seen {what} within 5 s"))
            .unwrap();
        look(&found).unwrap()
    }
}

impl Script {
    /// A JSON answer with a `Content-Length`.
    pub(crate) fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::framed(status, Framing::Length(None))
            .header("content-type", "application/json")
            .send(body)
    }

    /// The chunked head of an event stream.
    pub(crate) fn stream() -> Self {
        Self::framed(200, Framing::Chunked).header("content-type", "text/event-stream")
    }

    /// A head whose body lasts until the connection closes.
    pub(crate) fn until_close(status: u16) -> Self {
        Self::framed(status, Framing::UntilClose)
    }

    /// Nothing but what is sent; nothing at all if nothing is sent.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self {
            head: Head::None,
            steps: Vec::new(),
            end: End::Hang,
        }
        .send(bytes)
    }

    fn framed(status: u16, framing: Framing) -> Self {
        Self {
            head: Head::Framed {
                status,
                headers: String::new(),
                framing,
            },
            steps: Vec::new(),
            end: End::Clean,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Head::Framed { headers, .. } = &mut self.head {
            headers.extend([name, ": ", value, "\r\n"]);
        }
        self
    }

    /// Announces a `Content-Length`, whatever is sent.
    pub(crate) fn promising(mut self, length: usize) -> Self {
        if let Head::Framed { framing, .. } = &mut self.head {
            *framing = Framing::Length(Some(length));
        }
        self
    }

    /// A piece of the body, written in one go.
    pub(crate) fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    pub(crate) fn pause(mut self, millis: u64) -> Self {
        self.steps.push(Step::Pause(Duration::from_millis(millis)));
        self
    }

    pub(crate) fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    pub(crate) fn reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    pub(crate) fn hang(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    fn framing(&self) -> Framing {
        match self.head {
            Head::None => Framing::UntilClose,
            Head::Framed { framing, .. } => framing,
        }
    }

    fn head(&self) -> String {
        let Head::Framed {
            status,
            headers,
            framing,
        } = &self.head
        else {
            return String::new();
        };
        let length = || self.steps.iter().map(Step::length).sum();
        let framing = match framing {
            Framing::Length(length_told) => {
                format!("content-length: {}\r\n", length_told.unwrap_or_else(length))
            }
            Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => "connection: close\r\n".to_owned(),
        };
        format!("HTTP/1.1 {status} Scripted\r\n{headers}{framing}\r\n")
    }
}

impl Step {
    fn length(&self) -> usize {
        match self {
            Self::Send(bytes) => bytes.len(),
            Self::Pause(_) => 0,
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        shared.seen.send_modify(|seen| seen.connections += 1);
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Answers the requests of one connection, one after the other.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(request) = read_request(&mut stream).await {
        shared.seen.send_modify(|seen| seen.requests.push(request));
        let script = shared.scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| Script::json(599, "no script is left"));
        let (mut reader, mut writer) = stream.into_split();
        let is_gone = tokio::select! {
            () = hung_up(&mut reader) => true,
            done = perform(&script, &mut writer, &shared) => done.is_err(),
        };
        stream = reader.reunite(writer).unwrap();
        if is_gone {
            let now = Instant::now();
            shared.seen.send_modify(|seen| seen.hang_ups.push(now));
            return;
        }
        if let End::Reset = script.end {
            stream.set_zero_linger().unwrap();
        }
        if !matches!(
            (script.end, script.framing()),
            (End::Clean, Framing::Length(_) | Framing::Chunked)
        ) {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap();
    let body_length = content_length(&head);
    while bytes.len() < head_length + body_length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = bytes[head_length..].to_vec();
    Some(Request { head, body })
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap())
}

async fn hung_up(reader: &mut OwnedReadHalf) {
    let mut rest = [0; 1024];
    while let Ok(1..) = reader.read(&mut rest).await {}
}

async fn perform(
    script: &Script,
    writer: &mut OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    writer.write_all(script.head().as_bytes()).await?;
    let is_chunked = matches!(script.framing(), Framing::Chunked);
    for step in &script.steps {
        match step {
            Step::Pause(time) => sleep(*time).await,
            Step::Send(bytes) if is_chunked => writer.write_all(&chunk(bytes)).await?,
            Step::Send(bytes) => writer.write_all(bytes).await?,
        }
        shared
            .seen
            .send_modify(|seen| seen.written += step.length());
    }
    match script.end {
        End::Clean if is_chunked => writer.write_all(b"0\r\n\r\n").await,
        End::Hang => std::future::pending().await,
        End::Clean | End::Cut | End::Reset => Ok(()),
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
