"""What stands between browser and server, on loopback: pages of any origin, and a door that takes notes.

With a certificate both speak https. A door is then what a proxy is that ends TLS: it says so to the server.
"""

import http.client
import ssl
import subprocess
import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PAGE = b'<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><body></body></html>'
ANSWERS_WITHIN = 60
# RFC 9110 §7.6.1: what concerns one connection is not passed on.
OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Seen(NamedTuple):
    """One request as it arrived, and how it was answered."""

    method: str
    path: str
    origin: str | None
    cookies: dict[str, str]
    status: int


class Listener(ThreadingHTTPServer):
    """Answers on a free loopback port, in threads of this process, until `held` ends it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, held, handler, certificate=None):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        self.tls = certificate and tls(certificate)
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        held.callback(self.server_close)
        held.callback(self.shutdown)

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:
            # The handshake is left to the connection's own thread: browsers open some that they do not use.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        """A browser that hangs up is no news."""


class Pages(Listener):
    """The same empty page under every name and path."""

    def __init__(self, held, certificate=None):
        super().__init__(held, PageHandler, certificate)


class Door(Listener):
    """Passes requests on to `target` (host and port); `seen` holds them in the order of their answers."""

    def __init__(self, held, certificate=None):
        self.target = None
        self.seen = []
        super().__init__(held, DoorHandler, certificate)

    def seen_at(self, path, method=None):
        return [seen for seen in self.seen if seen.path == path and method in (None, seen.method)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Says nothing."""

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class PageHandler(Handler):
    def do_GET(self):
        self.answer(200, [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")], PAGE)


class DoorHandler(Handler):
    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, answer = self.ask(body)
        cookies = {name: held.value for name, held in SimpleCookie(self.headers.get("Cookie", "")).items()}
        seen = Seen(self.command, self.path, self.headers.get("Origin"), cookies, status)
        self.server.seen.append(seen)
        self.answer(status, headers, answer)

    def ask(self, body):
        server = http.client.HTTPConnection(*self.server.target, timeout=ANSWERS_WITHIN)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in passed_on(self.headers.items()):
                server.putheader(name, value)
            if self.server.tls:
                server.putheader("X-Forwarded-Proto", "https")
                server.putheader("X-Forwarded-For", self.client_address[0])
            if body or "Content-Length" in self.headers:
                server.putheader("Content-Length", str(len(body)))
            server.endheaders(body)
            answer = server.getresponse()
            return answer.status, passed_on(answer.getheaders()), answer.read()
        finally:
            server.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward


def passed_on(headers):
    return [(name, value) for name, value in headers if name.lower() not in OF_ONE_CONNECTION]


def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def self_signed(folder):
    """A key and a certificate in one file, which nobody trusts."""
    key, certificate, both = (folder / name for name in ("key.pem", "certificate.pem", "both.pem"))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    names = ["-days", "2", "-subj", "/CN=loopback"]
    subprocess.run(["openssl", "req", "-x509", *curve, *files, *names], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
