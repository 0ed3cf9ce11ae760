//! A mail server on a raw socket: takes mail and keeps it, or does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The longest that mail may take which a test waits for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the server answers whoever comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    /// Takes it after a while.
    Slow(Duration),
    /// Says this of every recipient.
    Refuses(&'static str),
    /// Reads the letter, and says this of it.
    Forgets(&'static str),
    /// Takes the connection, and says nothing.
    Silent,
}

/// A server on a free port of this machine.
#[derive(Clone)]
pub(crate) struct MailServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    manner: Manner,
    connections: usize,
    /// Recipients that were named, whether they were taken or not.
    named: usize,
    /// What was read, whether it was taken or not.
    taken: Vec<Mail>,
    /// `AUTH PLAIN` of the last who signed in.
    signed_in: Option<String>,
}

/// A letter as it came.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) head: String,
    /// Decoded.
    pub(crate) text: String,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        Self::with(Manner::Takes).await
    }

    pub(crate) async fn with(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            manner,
            connections: 0,
            named: 0,
            taken: Vec::new(),
            signed_in: None,
        };
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::new(Mutex::new(state)),
        };
        let serving = server.clone();
        #[expect(clippy::disallowed_methods, reason = "a test is not shut down")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.state.clone();
                #[expect(clippy::disallowed_methods, reason = "a test is not shut down")]
                tokio::spawn(serve(stream, state));
            }
        });
        server
    }

    /// `SMTP_URL` of who signs in here.
    pub(crate) fn url(&self) -> String {
        format!("smtp://app:hunter2@127.0.0.1:{}", self.port)
    }

    pub(crate) fn behaves(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    pub(crate) fn signed_in(&self) -> Option<String> {
        self.state.lock().unwrap().signed_in.clone()
    }

    /// Waits until so many connections were made.
    pub(crate) async fn is_reached(&self, times: usize) {
        let connections = || self.state.lock().unwrap().connections;
        eventually("a connection", || (connections() >= times).then_some(())).await;
    }

    /// How often anybody was named as a recipient.
    pub(crate) fn named(&self) -> usize {
        self.state.lock().unwrap().named
    }

    /// All that was read.
    pub(crate) fn mail(&self) -> Vec<Mail> {
        self.state.lock().unwrap().taken.clone()
    }

    /// All that was read for this address.
    pub(crate) fn mail_to(&self, address: &str) -> Vec<Mail> {
        let mut mail = self.mail();
        mail.retain(|mail| mail.to == address);
        mail
    }

    /// The letters to this address once there are so many of them.
    pub(crate) async fn letters(&self, address: &str, many: usize) -> Vec<Mail> {
        let mail = || Some(self.mail_to(address)).filter(|mail| mail.len() >= many);
        eventually("mail", mail).await
    }

    /// The newest letter to this address once there are so many of them.
    pub(crate) async fn letter(&self, address: &str, number: usize) -> Mail {
        self.letters(address, number).await.pop().unwrap()
    }

    /// The first letter to this address that `is_it` knows.
    pub(crate) async fn letter_that(&self, address: &str, is_it: impl Fn(&Mail) -> bool) -> Mail {
        let mail = || self.mail_to(address).into_iter().find(&is_it);
        eventually("the mail", mail).await
    }

    /// Waits until recipients were named so often.
    pub(crate) async fn is_asked(&self, times: usize) {
        eventually("a recipient", || (self.named() >= times).then_some(())).await;
    }
}

impl Mail {
    /// What stands in the link after `#token=`.
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self.text.split_once("#token=").expect(&self.text);
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// The six digits that stand on a line of their own.
    pub(crate) fn code(&self) -> String {
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit());
        let code = self.text.lines().find(is_code).expect(&self.text);
        code.to_owned()
    }
}

async fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(tokio::time::Instant::now() < until, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let manner = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.manner
    };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    if manner == Manner::Silent {
        line(&mut lines).await;
        return;
    }
    say(&mut write, "220 mail.test ready").await;
    let mut mail = Mail {
        from: String::new(),
        to: String::new(),
        head: String::new(),
        text: String::new(),
    };
    while let Some(command) = line(&mut lines).await {
        let verb = command
            .split([' ', ':'])
            .next()
            .unwrap()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let words = "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN";
                say(&mut write, words).await;
            }
            "AUTH" => {
                let words = command.split(' ').nth(2).unwrap_or_default();
                let plain = STANDARD.decode(words).unwrap();
                state.lock().unwrap().signed_in = String::from_utf8(plain).ok();
                say(&mut write, "235 welcome").await;
            }
            "MAIL" => {
                mail.from = address(&command);
                say(&mut write, "250 go on").await;
            }
            "RCPT" => {
                mail.to = address(&command);
                state.lock().unwrap().named += 1;
                match manner {
                    Manner::Refuses(words) => say(&mut write, words).await,
                    _ => say(&mut write, "250 go on").await,
                }
            }
            "DATA" => {
                say(&mut write, "354 go on").await;
                read_letter(&mut lines, &mut mail).await;
                if let Manner::Slow(pause) = manner {
                    tokio::time::sleep(pause).await;
                }
                state.lock().unwrap().taken.push(mail.clone());
                match manner {
                    Manner::Forgets(words) => say(&mut write, words).await,
                    _ => say(&mut write, "250 taken").await,
                }
            }
            "QUIT" => {
                say(&mut write, "221 bye").await;
                return;
            }
            _ => say(&mut write, "250 fine").await,
        }
    }
}

async fn line(lines: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut line = String::new();
    let read = lines.read_line(&mut line).await.unwrap_or(0);
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn say(write: &mut OwnedWriteHalf, words: &str) {
    let said = format!("{words}\r\n");
    // Who has gone hears nothing.
    write.write_all(said.as_bytes()).await.ok();
}

async fn read_letter(lines: &mut BufReader<OwnedReadHalf>, mail: &mut Mail) {
    let mut letter = Vec::new();
    while let Some(line) = line(lines).await {
        if line == "." {
            break;
        }
        letter.push(line.strip_prefix('.').map_or(line.clone(), str::to_owned));
    }
    let letter = letter.join("\n");
    let (head, body) = letter.split_once("\n\n").unwrap();
    head.clone_into(&mut mail.head);
    mail.text = if head.contains("Content-Transfer-Encoding: base64") {
        let bytes = STANDARD.decode(body.replace('\n', "")).unwrap();
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    } else {
        body.to_owned()
    };
}

/// `MAIL FROM:<ada@example.com> …`
fn address(command: &str) -> String {
    let (_, rest) = command.split_once('<').unwrap();
    rest.split('>').next().unwrap().to_owned()
}
