//! A model's server, on a raw socket: slow, silent, or done at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
const WORD: &str = "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\
                    \"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\
                    \"finish_reason\":null}]}\n\n";
const WHOLE: &str = "{\"id\":\"c-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\
                     \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\
                     \"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\
                     \"completion_tokens\":1,\"total_tokens\":6}}";

const USAGE: &str = "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\
                     \"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\
                     \"completion_tokens\":1,\"total_tokens\":6}}\n\n";

/// What it does with every request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// A word every 100 ms, for ever.
    Trickling,
    /// As much as is taken, for ever.
    Pouring,
    /// Not a byte.
    Silent,
    /// A whole answer.
    Whole,
    /// A whole answer after half a second.
    Slow,
    /// What the request names as its user: `refused`, `hangs` after a word, or a whole answer.
    Told,
}

#[derive(Default)]
struct Seen {
    asked: AtomicUsize,
    /// Bytes of streams that have been taken.
    streamed: AtomicUsize,
}

pub(crate) struct Upstream {
    url: String,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

impl Upstream {
    pub(crate) async fn trickling() -> Self {
        Self::start(Manner::Trickling).await
    }

    pub(crate) async fn pouring() -> Self {
        Self::start(Manner::Pouring).await
    }

    pub(crate) async fn silent() -> Self {
        Self::start(Manner::Silent).await
    }

    pub(crate) async fn whole() -> Self {
        Self::start(Manner::Whole).await
    }

    pub(crate) async fn slow() -> Self {
        Self::start(Manner::Slow).await
    }

    pub(crate) async fn told() -> Self {
        Self::start(Manner::Told).await
    }

    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::<Seen>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, manner, Arc::clone(&seen)));
        Self {
            url,
            seen,
            _tasks: tasks,
        }
    }

    /// The settings that make it the only provider.
    pub(crate) fn settings(&self) -> [(&str, &str); 2] {
        [
            ("OPENAI_BASE_URL", self.url.as_str()),
            ("OPENAI_API_KEY", "sk-upstream-0123456789abcdef"),
        ]
    }

    /// How many requests have come.
    pub(crate) fn asked(&self) -> usize {
        self.seen.asked.load(Ordering::SeqCst)
    }

    /// How many bytes of streams have been taken.
    pub(crate) fn streamed(&self) -> usize {
        self.seen.streamed.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, manner: Manner, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, manner, Arc::clone(&seen)));
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, seen: Arc<Seen>) {
    while let Some(body) = read_request(&mut stream).await {
        seen.asked.fetch_add(1, Ordering::SeqCst);
        let is_stream = body.contains("\"stream\":true");
        let is_told = |what: &str| {
            matches!(manner, Manner::Told) && body.contains(&format!("\"user\":\"{what}\""))
        };
        let performed = if is_told("refused") {
            stream.write_all(refusal().as_bytes()).await
        } else if is_told("hangs") {
            hang(&mut stream).await
        } else if matches!(manner, Manner::Pouring) {
            pour(&mut stream, &seen).await
        } else {
            perform(&mut stream, manner, is_stream).await
        };
        if performed.is_err() {
            return;
        }
    }
}

async fn perform(stream: &mut TcpStream, manner: Manner, is_stream: bool) -> std::io::Result<()> {
    match manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Whole | Manner::Told => return answer(stream, is_stream).await,
        Manner::Slow => {
            sleep(Duration::from_millis(500)).await;
            return answer(stream, is_stream).await;
        }
        Manner::Trickling | Manner::Pouring => {}
    }
    stream.write_all(HEAD.as_bytes()).await?;
    loop {
        stream.write_all(chunk(WORD).as_bytes()).await?;
        sleep(Duration::from_millis(100)).await;
    }
}

async fn pour(stream: &mut TcpStream, seen: &Seen) -> std::io::Result<()> {
    stream.write_all(HEAD.as_bytes()).await?;
    let words = chunk(WORD).repeat(100);
    loop {
        let mut rest = words.as_bytes();
        while !rest.is_empty() {
            let taken = stream.write(rest).await?;
            seen.streamed.fetch_add(taken, Ordering::SeqCst);
            rest = &rest[taken..];
        }
        tokio::task::yield_now().await;
    }
}

/// A word, and then nothing until the client goes.
async fn hang(stream: &mut TcpStream) -> std::io::Result<()> {
    stream
        .write_all([HEAD, &chunk(WORD)].concat().as_bytes())
        .await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Err(std::io::ErrorKind::ConnectionReset.into())
}

fn refusal() -> String {
    let body = "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}";
    let length = body.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn answer(stream: &mut TcpStream, is_stream: bool) -> std::io::Result<()> {
    let answer = if is_stream {
        let done = chunk("data: [DONE]\n\n");
        [HEAD, &chunk(WORD), &chunk(USAGE), &done, "0\r\n\r\n"].concat()
    } else {
        let length = WHOLE.len();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{WHOLE}"
        )
    };
    stream.write_all(answer.as_bytes()).await
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The body of the next request.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.trim().parse().unwrap());
        if body.len() >= length {
            return Some(body.to_owned());
        }
    }
}
