"""A caller on a raw socket: it can read as slowly as it likes, and leave at any moment."""

import asyncio
import json
import socket
import struct

PATH = "/v1/chat/completions"


class Broken(Exception):
    """The answer is not what it should be."""


class ErrorFrame(Broken):
    """The stream says itself that it is broken."""


class Caller:
    def __init__(self, address, key, receive_buffer=None):
        self.address = address
        self.key = key
        self.loop = asyncio.get_running_loop()
        self.received = bytearray()
        self.status = None
        self.headers = {}
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)

    async def ask(self, user, model, script, stream=True, **more):
        """Sends a request, which `user` names here, upstream and in the ledger."""
        asked = {"model": model, "messages": [{"role": "user", "content": f"Hello {user}"}]}
        body = json.dumps({**asked, "user": user, "stream": stream, "script": script, **more}).encode()
        await self.post(body, user)

    async def post(self, body, request_id):
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {self.key}\r\n"
            f"x-request-id: {request_id}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        await self.loop.sock_connect(self.socket, self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self.loop.sock_sendall(self.socket, head.encode() + body)

    async def head(self):
        head = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(head[0].split(" ")[1])
        fields = (line.partition(":") for line in head[1:] if line)
        self.headers = {name.lower(): value.strip() for name, _, value in fields}
        return self.status

    async def body(self):
        """Everything behind the head, as it comes."""
        if "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left:
                if not self.received:
                    await self.receive()
                piece = bytes(self.received[:left])
                del self.received[:left]
                left -= len(piece)
                yield piece
            return
        while size := int(await self.until(b"\r\n"), 16):
            while len(self.received) < size + 2:
                await self.receive()
            yield bytes(self.received[:size])
            del self.received[: size + 2]

    async def frames(self):
        """The frames of a stream; comments are left out."""
        rest = b""
        async for piece in self.body():
            *whole, rest = (rest + piece).split(b"\n\n")
            for frame in whole:
                if frame.startswith(b"data: "):
                    yield frame[6:]
        if rest:
            raise Broken(f"the stream ends within a frame: {rest[:80]!r}")

    async def words(self):
        """The content of a stream, which must be whole and in order; ends behind `[DONE]`."""
        number, finished, done = 0, False, False
        async for data in self.frames():
            if done:
                raise Broken("something comes behind [DONE]")
            if data == b"[DONE]":
                done = True
                continue
            value = json.loads(data)
            if "error" in value:
                raise ErrorFrame(value["error"]["code"])
            for choice in value["choices"]:
                finished = finished or choice["finish_reason"] is not None
                if content := choice["delta"].get("content"):
                    if int(content.split(" ", 1)[0]) != number:
                        raise Broken(f"word {number} is missing")
                    number += 1
                    yield content
        if not (done and finished):
            raise Broken("the stream has no proper end")

    async def until(self, mark):
        while (end := self.received.find(mark)) < 0:
            await self.receive()
        found = bytes(self.received[:end])
        del self.received[: end + len(mark)]
        return found

    async def receive(self, at_most=65536):
        data = await self.loop.sock_recv(self.socket, at_most)
        if not data:
            raise Broken("the connection was closed")
        self.received += data
        return len(data)

    def leave(self, by_reset=False):
        """Hangs up; by a reset as programs do that are killed, else politely."""
        if by_reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
