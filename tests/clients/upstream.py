#!/usr/bin/env python3
"""A scripted OpenAI-compatible upstream. What it answers is decided by the model's name.

The part of the name before `:` and after the last `/` is the script, so that each test can use a
name of its own (`busy:retries`): `echo`, `crumbs`, `slow`, `endless`, `silent`, `tools`, `cut`,
`cut-clean`, `error-event`, `busy`, `busy-once`, `quota`, `redirect`, `reset`, `short`, `status-NNN`.
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

KEY = "sk-upstream"
MODELS = ["echo", "crumbs", "slow", "endless", "tools", "cut", "vendor/echo"]
CONTENT = "Grüße aus der Küche: 世界 👋, \"quoted\"\nand done."
PIECES = ["Grüße ", "aus der Küche: ", "世界 👋", ", \"quoted\"\n", "and done."]
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CALLS = [("call_a", "weather", '{"city":"Wien"}'), ("call_b", "clock", "{}")]


class Seen:
    """What each model was asked, and how often its caller left early."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = defaultdict(list)
        self.hangups = defaultdict(int)

    def ask(self, model, headers, body):
        with self.lock:
            self.requests[model].append({"headers": headers, "body": body})
            return len(self.requests[model])

    def hang_up(self, model):
        with self.lock:
            self.hangups[model] += 1

    def report(self, model):
        with self.lock:
            asked = self.requests[model]
            last = asked[-1] if asked else None
            return {"count": len(asked), "hangups": self.hangups[model], "last": last}


SEEN = Seen()


def script_of(model):
    return model.rsplit("/", 1)[-1].split(":", 1)[0]


def chunk(model, delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": [choice],
        **more,
    }


def frame(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def content_frames(model, wants_usage):
    """Every frame of a whole stream: a comment, the role, the content, the end, the usage."""
    more = {"usage": None} if wants_usage else {}
    yield b": warming up\n\n"
    yield frame(chunk(model, {"role": "assistant", "content": ""}, **more))
    for piece in PIECES:
        yield frame(chunk(model, {"content": piece}, **more))
    yield frame(chunk(model, {}, "stop", **more))
    if wants_usage:
        yield frame({**chunk(model, {}), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def tool_frames(model, wants_usage):
    """Two calls whose arguments come in turns, letter by letter."""
    yield frame(chunk(model, {"role": "assistant", "content": None}))
    for index, (call, name, _) in enumerate(CALLS):
        function = {"name": name, "arguments": ""}
        started = {"index": index, "id": call, "type": "function", "function": function}
        yield frame(chunk(model, {"tool_calls": [started]}))
    for place in range(max(len(arguments) for _, _, arguments in CALLS)):
        for index, (_, _, arguments) in enumerate(CALLS):
            letter = arguments[place : place + 1]
            if letter:
                part = {"index": index, "function": {"arguments": letter}}
                yield frame(chunk(model, {"tool_calls": [part]}))
    yield frame(chunk(model, {}, "tool_calls"))
    if wants_usage:
        yield frame({**chunk(model, {}), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def completion(model):
    if script_of(model) == "tools":
        calls = [
            {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call, name, arguments in CALLS
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        finish = "tool_calls"
    else:
        message = {"role": "assistant", "content": CONTENT}
        finish = "stop"
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1700000000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": USAGE,
        "x_vendor": {"kept": True},
    }


def problem(message, kind, code=None, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


STATUSES = {
    400: problem("Unsupported value: 'temperature'.", "invalid_request_error", None, "temperature"),
    401: problem("Incorrect API key provided: sk-up***am.", "invalid_request_error", "invalid_api_key"),
    402: problem("The account has run dry.", "billing_error"),
    404: problem("This model was retired.", "invalid_request_error", "model_not_found", "model"),
    409: problem("Try another thread.", "invalid_request_error", "conflict"),
    422: problem("The schema is not valid.", "invalid_request_error", "invalid_schema", "tools"),
    429: problem("Rate limit reached.", "requests", "rate_limit_exceeded"),
    500: problem("Exception at db-17.internal:5432", "server_error"),
    503: problem("No capacity at db-17.internal:5432", "server_error"),
}


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
            self.answer(404, problem("No such route.", "invalid_request_error"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        where = urlsplit(self.path).path
        if where == "/v1/trap":
            SEEN.ask("trap", dict(self.headers.items()), "")
            return self.answer(200, completion("trap"))
        if where != "/v1/chat/completions":
            return self.answer(404, problem("No such route.", "invalid_request_error"))
        if not self.signed_in():
            return self.answer(401, STATUSES[401])
        asked = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        times = SEEN.ask(asked["model"], headers, body.decode())
        self.play(script_of(asked["model"]), asked, times)

    def signed_in(self):
        return self.headers.get("authorization") == f"Bearer {KEY}"

    def play(self, script, asked, times):
        if script.startswith("status-"):
            status = int(script.removeprefix("status-"))
            self.answer(status, STATUSES[status], {"retry-after": "30"} if status == 429 else {})
        elif script == "busy" or (script == "busy-once" and times == 1):
            self.answer(429, STATUSES[429], {"retry-after": "1"})
        elif script == "quota":
            broke = problem("You exceeded your quota.", "insufficient_quota", "insufficient_quota")
            self.answer(429, broke)
        elif script == "redirect":
            self.answer(307, {}, {"location": "/v1/trap"})
        elif script == "reset":
            self.reset()
        elif script == "silent":
            self.wait_for_hang_up(asked["model"])
        elif script == "short":
            self.short(completion(asked["model"]))
        elif script not in {script_of(name) for name in MODELS} | {
            "busy-once",
            "cut-clean",
            "error-event",
        }:
            self.answer(404, problem("The model does not exist.", "invalid_request_error",
                                     "model_not_found", "model"))
        elif asked.get("stream"):
            self.stream(script, asked)
        else:
            self.answer(200, completion(asked["model"]))

    def answer(self, status, value, headers=None):
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", "req_scripted")
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
        model = asked["model"]
        wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        frames = list((tool_frames if script == "tools" else content_frames)(model, wants_usage))
        if script == "crumbs":
            text = b"".join(frames)
            frames = [text[start : start + 7] for start in range(0, len(text), 7)]
        if script in ("cut", "cut-clean", "error-event"):
            frames = frames[:4]
        if script == "error-event":
            frames.append(frame(problem("The model has crashed.", "server_error", "crashed")))
        for piece in frames:
            self.write_chunk(piece)
            if script == "slow":
                time.sleep(0.15)
            if script == "endless" and b'"content": "Gr' in piece:
                self.go_on_for_ever(model)
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
