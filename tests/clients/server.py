"""The built server on a free loopback port, in an empty folder, with an account of our own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
READY_WITHIN = 60
STOPPED_WITHIN = 5


class Failure(Exception):
    """Something that a person should read as one sentence."""


class Server:
    """A process of ours. `log` holds what it has said."""

    def __init__(self, held, folder, binary, settings, stopped_within=STOPPED_WITHIN):
        """Begins to start; `held` is an ExitStack that ends it. `settings` are its environment; None unsets."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.log = folder / "server.log"
        self.data = folder / "data"
        self.stopped_within = stopped_within
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.address = ("127.0.0.1", port)
        empty = folder / "cwd"
        empty.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "APP_ENV": "development",
            "API_HOST": "127.0.0.1",
            "API_PORT": str(port),
            "DATA_DIR": str(self.data),
            "RUST_BACKTRACE": "1",
            **settings,
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        log = held.enter_context(open(self.log, "a"))
        self.process = subprocess.Popen([str(binary)], cwd=empty, env=environment, stdout=log, stderr=log)
        held.callback(end, self.process)

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.print_log()
                raise Failure(f"The server ended with code {self.process.returncode} at its start.")
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.print_log()
        raise Failure(f"The server was not ready after {READY_WITHIN} seconds.")

    def account(self):
        """A user with an access token and an API key, made as anybody would make them."""
        who = {"email": "ada@example.com", "password": "a-long-enough-passphrase-42", "name": "Ada"}
        self.post("/api/v1/auth/register", who, 201)
        login = {"email": who["email"], "password": who["password"]}
        token = self.post("/api/v1/auth/login", login, 200)["access_token"]
        key = self.post("/api/v1/api-keys", {"name": "clients"}, 201, token)["key"]
        if not key.startswith("sk-cg-"):
            raise Failure("An API key does not start with sk-cg-.")
        return {"API_KEY": key, "ACCESS_TOKEN": token}

    def post(self, path, value, wanted, token=None):
        return self.ask(path, json.dumps(value).encode(), wanted, token)

    def get(self, path, token):
        return self.ask(path, None, 200, token)

    def ask(self, path, body, wanted, token):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        if status != wanted:
            raise Failure(f"{path} answered {status}, not {wanted}: {text}")
        return json.loads(text) if text else None

    def stop_cleanly(self):
        """What an orchestrator does; the end must be a clean one."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(self.stopped_within)
        except subprocess.TimeoutExpired:
            raise Failure(f"The server did not stop within {self.stopped_within} s of SIGTERM.") from None
        if code != 0:
            raise Failure(f"The server ended with code {code} after SIGTERM, not 0.")

    def print_log(self):
        lines = self.log.read_text(errors="replace").splitlines()[-200:]
        print("\n".join([f"— the last {len(lines)} lines of the server's log", *lines]), file=sys.stderr)


def binary_of(arguments):
    """The server that was named, or else the one that `cargo build` makes."""
    binary = Path(arguments[0] if arguments else TARGET / "debug" / "concierge").resolve()
    if not binary.is_file():
        raise Failure(f"There is no server at {binary}: run `cargo build --locked` first.")
    return binary


def end_on_sigterm():
    """So that a run that is ended ends what it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_group(process):
    """Ends a process that leads a group, and all of the group that is left."""
    signal_group(process, signal.SIGTERM)
    try:
        process.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        pass
    signal_group(process, signal.SIGKILL)
    process.wait()


def signal_group(leader, sign):
    try:
        os.killpg(leader.pid, sign)
    except (ProcessLookupError, PermissionError):
        pass  # Nobody is left: macOS says so by the latter.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
