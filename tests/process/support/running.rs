//! A server that runs: what it logs, how it is told to stop, how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Client, eventually};

/// The program as a process; it is killed when the test lets go of it.
pub(crate) struct Running {
    child: Child,
    url: String,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Terminate,
    Interrupt,
    Kill,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            gather(child.stdout.take().unwrap(), Arc::clone(&stdout)),
            gather(child.stderr.take().unwrap(), Arc::clone(&stderr)),
        ];
        Self {
            child,
            url: String::new(),
            stdout,
            stderr,
            readers,
        }
    }

    /// One whose output goes where the command says.
    pub(crate) fn unheard(mut command: Command) -> Self {
        Self {
            child: command.stdin(Stdio::null()).spawn().unwrap(),
            url: String::new(),
            stdout: Arc::default(),
            stderr: Arc::default(),
            readers: Vec::new(),
        }
    }

    /// Waits until the log tells the address.
    pub(crate) async fn listens(&mut self) {
        let said = eventually("a line that tells the address", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "it ended with {status}: {}{}",
                    self.raw_log(),
                    self.complaints()
                );
            }
            let lines = self.log();
            let line = lines.iter().find(|line| line["address"].is_string())?;
            Some(line["address"].as_str().unwrap().to_owned())
        })
        .await;
        self.url = format!("http://{}", said.replace("0.0.0.0", "127.0.0.1"));
    }

    /// Waits until it answers at an address that is known.
    pub(crate) async fn answers_at(&mut self, address: &str) {
        self.url = format!("http://{address}");
        let client = self.client();
        eventually("an answer", async || {
            let asked = client.send(http::Method::GET, "/livez", None).await;
            asked.ok().filter(|answer| answer.status() == 200)
        })
        .await;
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:54321`
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Somebody without credentials.
    pub(crate) fn client(&self) -> Client {
        Client::of(&self.url)
    }

    pub(crate) fn client_over_http_2(&self) -> Client {
        Client::over_http_2(&self.url)
    }

    pub(crate) fn raw_log(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// Every whole line of the log so far; each must be one JSON object.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = self.raw_log();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }

    /// The log once a line is in it that `is_it` knows.
    pub(crate) async fn logs(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || self.log().into_iter().find(&is_it)).await
    }

    pub(crate) fn complaints(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub(crate) fn send(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Kill => "KILL",
        };
        kill(name, self.child.id());
    }

    /// The memory that it holds, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident(&self) -> usize {
        self.kib("VmRSS:")
    }

    /// The most that it has ever held, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak(&self) -> usize {
        self.kib("VmHWM:")
    }

    #[cfg(target_os = "linux")]
    fn kib(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let size = line.unwrap().trim().strip_suffix(" kB").unwrap();
        size.parse().unwrap()
    }

    /// How it ended, and how long that took from now.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = eventually("the end of the process", async || {
            self.child.try_wait().unwrap()
        })
        .await;
        let took = began.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status, took)
    }

    /// What it has logged when it has ended as it should, in time.
    pub(crate) async fn ends_well(mut self, within: Duration) -> Vec<Value> {
        let (status, took) = self.ended().await;
        let said = format!("{}{}", self.raw_log(), self.complaints());
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(took < within, "{took:?}: {said}");
        assert_eq!(self.complaints(), "");
        self.log()
    }

    /// Stops it as an orchestrator does.
    pub(crate) async fn stop(mut self) {
        self.send(Signal::Terminate);
        let (status, _) = self.ended().await;
        assert_eq!(status.code(), Some(0), "{}", self.complaints());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether a line of the log says just this.
pub(crate) fn says(log: &[Value], sentence: &str) -> bool {
    log.iter().any(|line| line["message"] == sentence)
}

/// Sends a signal to one process. The shell knows how, on every machine.
pub(super) fn kill(signal: &str, id: u32) {
    let line = format!("kill -{signal} {id}");
    let sent = Command::new("sh").args(["-c", &line]).status().unwrap();
    assert!(sent.success(), "{line}");
}

fn gather(from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
