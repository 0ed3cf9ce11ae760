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
}

pub(crate) struct Upstream {
    url: String,
    asked: Arc<AtomicUsize>,
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

    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, manner, Arc::clone(&asked)));
        Self {
            url,
            asked,
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
        self.asked.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, manner: Manner, asked: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, manner, Arc::clone(&asked)));
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, asked: Arc<AtomicUsize>) {
    while let Some(body) = read_request(&mut stream).await {
        asked.fetch_add(1, Ordering::SeqCst);
        let is_stream = body.contains("\"stream\":true");
        if perform(&mut stream, manner, is_stream).await.is_err() {
            return;
        }
    }
}

async fn perform(stream: &mut TcpStream, manner: Manner, is_stream: bool) -> std::io::Result<()> {
    let pause = match manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Whole => return answer(stream, is_stream).await,
        Manner::Slow => {
            sleep(Duration::from_millis(500)).await;
            return answer(stream, is_stream).await;
        }
        Manner::Trickling => Duration::from_millis(100),
        Manner::Pouring => Duration::ZERO,
    };
    stream.write_all(HEAD.as_bytes()).await?;
    let words = match manner {
        Manner::Pouring => chunk(WORD).repeat(100),
        _ => chunk(WORD),
    };
    loop {
        stream.write_all(words.as_bytes()).await?;
        sleep(pause).await;
    }
}

async fn answer(stream: &mut TcpStream, is_stream: bool) -> std::io::Result<()> {
    let answer = if is_stream {
        [HEAD, &chunk(WORD), &chunk("data: [DONE]\n\n"), "0\r\n\r\n"].concat()
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
