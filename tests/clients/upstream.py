#!/usr/bin/env python3
"""A scripted OpenAI-compatible upstream. What it answers is decided by the model's name.

The part of the name before `:` and after the last `/` is the script, so that each test can use a
name of its own (`busy:retries`):

    echo, crumbs, slow, json, reasoning, tools    answers, in streams differently cut
    quiet, hesitant                               a stream that pauses: after or before its first word
    endless, silent                               a stream without end, no answer at all
    cut, cut-clean, error-event, short, reset     answers that break off
    busy, busy-once, brief, brief-once            429: come back in a second, or in 300 ms
    quota, redirect, status-NNN                   other refusals

Any other name is an unknown model. It prints its port and serves until it is told to stop.
"""

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from answers import (
    BROKE,
    CRASHED,
    MODELS,
    STATUSES,
    UNKNOWN_MODEL,
    UNKNOWN_ROUTE,
    chunk,
    completion,
    embeddings,
    frame,
    frames,
    script_of,
)

KEY = "sk-upstream"
ANSWERING = {script_of(name) for name in MODELS} | {
    "brief-once",
    "busy-once",
    "cut-clean",
    "error-event",
    "hesitant",
    "quiet",
}
# Seconds of silence in the middle of a stream, or in front of it.
PAUSE = 1.5


class Seen:
    """What each model was asked and when, and how often its caller left early."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = defaultdict(list)
        self.hangups = defaultdict(int)

    def ask(self, model, headers, body):
        with self.lock:
            self.requests[model].append({"headers": headers, "body": body, "at": time.monotonic()})
            return len(self.requests[model])

    def hang_up(self, model):
        with self.lock:
            self.hangups[model] += 1

    def report(self, model):
        with self.lock:
            asked = self.requests[model]
            return {
                "count": len(asked),
                "at": [request["at"] for request in asked],
                "hangups": self.hangups[model],
                "last": asked[-1] if asked else None,
            }


SEEN = Seen()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        where = urlsplit(self.path)
        if where.path == "/admin/seen":
            self.answer(200, SEEN.report(parse_qs(where.query)["model"][0]))
        elif not self.signed_in():
            self.answer(401, STATUSES[401])
        elif where.path == "/v1/models":
            listed = [
                {"id": name, "object": "model", "created": 1700000000, "owned_by": "scripted"}
                for name in MODELS
            ]
            self.answer(200, {"object": "list", "data": listed})
        else:
            self.answer(404, UNKNOWN_ROUTE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        where = urlsplit(self.path).path
        if where == "/v1/trap":
            SEEN.ask("trap", dict(self.headers.items()), "")
            return self.answer(200, completion("echo", {"model": "trap"}))
        if where not in ("/v1/chat/completions", "/v1/embeddings"):
            return self.answer(404, UNKNOWN_ROUTE)
        if not self.signed_in():
            return self.answer(401, STATUSES[401])
        asked = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        times = SEEN.ask(asked["model"], headers, body.decode())
        script = script_of(asked["model"])
        if script == "tools" and asked["messages"][-1]["role"] == "tool":
            script = "echo"
        if not self.refuses(script, asked, times):
            self.play(script, asked, where)

    def signed_in(self):
        return self.headers.get("authorization") == f"Bearer {KEY}"

    def refuses(self, script, asked, times):
        """Whether the script is one of those that do not answer, and has done so."""
        if script.startswith("status-"):
            status = int(script.removeprefix("status-"))
            self.answer(status, STATUSES[status], {"retry-after": "30"} if status == 429 else {})
        elif script == "busy" or (script == "busy-once" and times == 1):
            self.answer(429, STATUSES[429], {"retry-after": "1"})
        elif script == "brief" or (script == "brief-once" and times == 1):
            self.answer(429, STATUSES[429], {"retry-after": "1", "retry-after-ms": "300"})
        elif script == "quota":
            self.answer(429, BROKE)
        elif script == "redirect":
            self.answer(307, {}, {"location": "/v1/trap"})
        elif script == "reset":
            self.reset()
        elif script == "silent":
            self.wait_for_hang_up(asked["model"])
        elif script == "short":
            self.short(completion("echo", asked))
        elif script not in ANSWERING:
            self.answer(404, UNKNOWN_MODEL)
        else:
            return False
        return True

    def play(self, script, asked, where):
        if where == "/v1/embeddings":
            self.answer(200, embeddings(asked))
        elif asked.get("stream"):
            self.stream(script, asked)
        else:
            self.answer(200, completion(script, asked))

    def answer(self, status, value, headers=None):
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", "req_scripted")
        self.send_header("openai-processing-ms", "7")
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def wait_for_hang_up(self, model):
        self.connection.settimeout(30)
        try:
            left = self.connection.recv(1) == b""
        except TimeoutError:
            left = False
        except OSError:
            left = True
        if left:
            SEEN.hang_up(model)
        self.close_connection = True

    def short(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) * 2))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def stream(self, script, asked):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("x-request-id", "req_scripted")
        self.end_headers()
        try:
            whole = self.write_stream(script, asked)
        except OSError:
            SEEN.hang_up(asked["model"])
            whole = False
        if not whole:
            self.close_connection = True

    def write_stream(self, script, asked):
        """Writes what the script says; whether the stream has come to its proper end."""
        said = list(frames(script, asked))
        if script == "crumbs":
            text = b"".join(said)
            said = [text[start : start + 7] for start in range(0, len(text), 7)]
        if script in ("cut", "cut-clean", "error-event"):
            said = said[:4]
        if script == "error-event":
            said.append(frame(CRASHED))
        if script == "hesitant":
            time.sleep(PAUSE)
        for piece in said:
            self.write_chunk(piece)
            if script == "slow":
                time.sleep(0.15)
            if script == "quiet" and b'"content": "Gr' in piece:
                time.sleep(PAUSE)
            if script == "endless" and b'"content": "Gr' in piece:
                self.go_on_for_ever(asked["model"])
        if script == "cut":
            return False
        self.write_chunk(b"")
        return script not in ("cut-clean", "error-event")

    def go_on_for_ever(self, model):
        while True:
            self.write_chunk(frame(chunk(model, {"content": "."})))
            time.sleep(0.02)

    def write_chunk(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
