"""An upstream in the same event loop as its callers, so that both sides of a request can be compared.

What it does stands in the request itself, in the member `script`:

    {"do": "plain", "usage": […]}                            an answer at once
    {"do": "stream", "chunks": 20, "pause": 0.5, "size": 0}  that many words, each so long
    {"do": "cut", "chunks": 3}                               as before, but broken off after them
    {"do": "silent"}, {"do": "head"}                         nothing, or nothing behind the head
    {"do": "status", "status": 500}                          a refusal

`usage` is prompt, cached, completion and reasoning tokens. A stream with `chunks: null` has no end. The
member `user` names the request: `Upstream.asked` tells what has become of it here.
"""

import asyncio
import json
import re
import time

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
# What a connection may hold on this side before its writer waits.
HELD = 16 * 1024


class Asked:
    """One request as the upstream sees it; times are those of the monotonic clock."""

    def __init__(self):
        self.attempts = 0
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self.gone_at = None
        # Bytes of words as they stand in their frames, quotes and all.
        self.content_sent = 0


class Upstream:
    def __init__(self):
        self.asked = {}
        self.bytes_sent = 0
        self.server = None

    async def start(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=4096)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    def of(self, user):
        """What is known of a request, or will be."""
        return self.asked.setdefault(user, Asked())


class Connection(asyncio.Protocol):
    def __init__(self, upstream):
        self.upstream = upstream
        self.transport = None
        self.received = bytearray()
        self.work = None
        self.request = None
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=HELD)

    def pause_writing(self):
        self.may_write.clear()

    def resume_writing(self):
        self.may_write.set()

    def eof_received(self):
        self.left()

    def connection_lost(self, _):
        self.left()

    def left(self):
        """The caller has hung up; it matters only to a request that is being answered."""
        if self.request is not None:
            self.request.gone_at = time.monotonic()
            self.request.gone.set()
            self.request = None
        if self.work:
            self.work.cancel()

    def data_received(self, data):
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(self.received, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self.received) < whole:
            return
        body = json.loads(self.received[end + 4 : whole])
        del self.received[:whole]
        self.request = self.upstream.of(body["user"])
        self.request.attempts += 1
        self.work = asyncio.ensure_future(self.answer(body, self.request))

    async def answer(self, body, request):
        script = body["script"]
        do = script["do"]
        if do in ("stream", "cut", "head"):
            self.write(STREAM_HEAD)
        request.begun.set()
        if do == "plain":
            self.send(200, plain(body))
        elif do == "status":
            self.send(script["status"], {"error": {"message": "Scripted.", "type": "scripted"}})
        elif do in ("stream", "cut"):
            await self.stream(body, script, request)
        else:
            return
        self.request = None
        if do == "cut":
            self.transport.close()

    async def stream(self, body, script, request):
        pause, padding = script.get("pause", 0), "x" * script.get("size", 0)
        chunks, number = script.get("chunks"), 0
        while chunks is None or number < chunks:
            text = f"{number} {time.monotonic():.6f} {padding};"
            self.chunk(frame(body, {"content": text}))
            request.content_sent += len(json.dumps(text))
            number += 1
            await self.may_write.wait()
            await asyncio.sleep(pause)
        if script["do"] == "cut":
            return
        self.chunk(frame(body, {}, "stop"))
        if (body.get("stream_options") or {}).get("include_usage"):
            self.chunk(frame(body, None, usage=usage_of(script)))
        self.chunk(b"data: [DONE]\n\n")
        self.write(b"0\r\n\r\n")

    def chunk(self, data):
        self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send(self, status, value):
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        self.write(f"{head}\r\n\r\n".encode() + body)

    def write(self, data):
        self.upstream.bytes_sent += len(data)
        self.transport.write(data)


def frame(body, delta, finish=None, usage=None):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    value = {
        "id": body["user"],
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": body["model"],
        "choices": choices,
    }
    if usage:
        value["usage"] = usage
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def plain(body):
    message = {"role": "assistant", "content": "Hello."}
    return {
        "id": body["user"],
        "object": "chat.completion",
        "created": 1700000000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage_of(body["script"]),
    }


def usage_of(script):
    prompt, cached, completion, reasoning = script.get("usage", (11, 4, 7, 2))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
