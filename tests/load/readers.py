"""Many slow readers of a fast stream: the server must hold back the upstream, not the bytes."""

import asyncio
import time

from bench import bench, promise, table

# What a reader takes at once, and what its socket holds for it.
SIP = 2048
RECEIVE_BUFFER = 4096
EVERY = 0.1
# KiB: 64 of ours a stream, and 40 that a stream costs anyway.
ALLOWED = 64 + 40


async def prove(binary, options):
    async with bench(binary) as on:
        await on.warm_up()
        idle = on.memory()
        readers = [Reader(on, number) for number in range(options.count)]
        await asyncio.gather(*(reader.begin() for reader in readers))
        reading = [asyncio.ensure_future(reader.read()) for reader in readers]
        samples = await watch(on, readers, options.seconds, idle)
        for task in reading:
            task.cancel()
        ended = await asyncio.gather(*reading, return_exceptions=True)
        errors = [error for error in ended if not isinstance(error, asyncio.CancelledError)]
        for reader in readers:
            reader.caller.leave()
        gone = await all_gone(on, readers)
        await asyncio.sleep(1)
        print(f"after they have left: {on.memory() / 1024:.1f} MB")
        await on.stop()
        rows = on.rows("reader-").values()
        return report(options, samples, idle, errors, gone, rows)


class Reader:
    def __init__(self, on, number):
        self.caller = on.caller(RECEIVE_BUFFER)
        self.user = f"reader-{number}"
        self.taken = 0

    async def begin(self):
        script = {"do": "stream", "chunks": None, "size": 1024}
        await self.caller.ask(self.user, "stream", script)
        assert await self.caller.head() == 200, self.caller.status

    async def read(self):
        """A sip at a time; what comes must still be frames in order."""
        words = self.caller.words()
        self.caller.receive = self.sip
        async for _ in words:
            pass

    async def sip(self):
        await asyncio.sleep(EVERY)
        data = await self.caller.loop.sock_recv(self.caller.socket, SIP)
        assert data, "the connection was closed"
        self.caller.received += data
        self.taken += len(data)


async def watch(on, readers, seconds, idle):
    """Ten looks at the memory while they read."""
    samples, rows, started = [], [], time.monotonic()
    for look in range(1, 11):
        await asyncio.sleep(max(0, started + seconds * look / 10 - time.monotonic()))
        held = on.memory()
        samples.append(held)
        taken = sum(reader.taken for reader in readers)
        between = (on.upstream.bytes_sent - taken) / len(readers) / 1024
        rows.append(
            (
                f"{time.monotonic() - started:.0f}",
                f"{held / 1024:.1f}",
                f"{(held - idle) / len(readers):.1f}",
                f"{on.upstream.bytes_sent / 2**20:.0f}",
                f"{taken / 2**20:.0f}",
                f"{between:.0f}",
            )
        )
    heads = ("s", "RSS MB", "KB a reader", "sent MB", "read MB", "KB under way a reader")
    table(heads, rows)
    return samples


async def all_gone(on, readers):
    gone = [on.upstream.of(reader.user).gone.wait() for reader in readers]
    try:
        await asyncio.wait_for(asyncio.gather(*gone), 10)
    except TimeoutError:
        pass
    return sum(on.upstream.of(reader.user).gone.is_set() for reader in readers)


def report(options, samples, idle, errors, gone, rows):
    each = (max(samples) - idle) / options.count
    early, late = max(samples[2:6]), max(samples[6:])
    for error in errors[:5]:
        print(f"  {type(error).__name__}: {error}")
    cancelled = sum(row["status"] == "cancelled" for row in rows)
    kept = [
        promise(not errors, f"{len(errors)} of {options.count} readers had an error"),
        promise(each <= options.allowed, f"{each:.0f} KB a reader at most ({options.allowed} allowed)"),
        promise(late <= early * 1.05 + 2048, f"flat: {early / 1024:.1f} MB, then {late / 1024:.1f} MB"),
        promise(gone == options.count, f"the upstream saw {gone} of {options.count} leave"),
        promise(cancelled == options.count, f"{cancelled} of {options.count} are in the ledger as cancelled"),
    ]
    return all(kept)
