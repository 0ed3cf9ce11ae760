"""Thousands of requests of every kind, then SIGTERM: each that reached the upstream has one true row.

Rows are compared one by one with what was scripted, their sum with what `/usage` tells after a restart.
Refused requests are sent in between, and have no row. The last streams still run at the signal.
"""

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack

from bench import CACHED, INPUT, OUTPUT, STOPPED_WITHIN, bench, promise, table
from caller import Broken, ErrorFrame
from server import Server

SUMS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "cost_microusd")


class Request:
    """One of them: what is asked, and what its row must say."""

    def __init__(self, number, kind):
        self.kind = kind
        self.user = f"mixed-{number}"
        self.usage = (10 + number % 97, number % 7, 5 + number % 53, number % 5)
        self.number = number
        self.seen = 0

    async def send(self, on):
        caller = on.caller()
        try:
            await getattr(self, self.kind.replace("-", "_"))(on, caller)
        finally:
            caller.leave(by_reset=self.number % 2 == 1)

    async def plain(self, on, caller):
        await caller.ask(self.user, "plain", {"do": "plain", "usage": self.usage}, stream=False)
        assert await caller.head() == 200, caller.status
        async for _ in caller.body():
            pass

    async def streamed(self, on, caller, pause=0):
        options = {"stream_options": {"include_usage": True}} if self.number % 2 else {}
        script = {"do": "stream", "chunks": 5, "pause": pause, "usage": self.usage}
        await caller.ask(self.user, "stream", script, **options)
        assert await caller.head() == 200, caller.status
        async for _ in caller.words():
            pass

    async def running(self, on, caller):
        """Two seconds long: the signal comes before its end."""
        await self.streamed(on, caller, pause=0.4)

    async def left_early(self, on, caller):
        is_stream = self.number % 3 != 0
        await caller.ask(self.user, "late", {"do": "silent"}, is_stream)
        await on.upstream.of(self.user).begun.wait()

    async def left_midway(self, on, caller):
        await caller.ask(self.user, "stream", {"do": "stream", "chunks": None, "pause": 0.01})
        assert await caller.head() == 200, caller.status
        words = caller.words()
        for _ in range(1 + self.number % 4):
            self.seen += len(await anext(words))

    async def cut(self, on, caller):
        await caller.ask(self.user, "broken", {"do": "cut", "chunks": 3})
        assert await caller.head() == 200, caller.status
        try:
            async for word in caller.words():
                self.seen += len(word)
        except ErrorFrame:
            return
        raise Broken("a cut stream ends as if it were whole")

    async def failed(self, on, caller):
        await caller.ask(self.user, "failing", {"do": "status", "status": 500}, self.number % 2 == 0)
        assert await caller.head() == 500, caller.status

    async def refused_upstream(self, on, caller):
        await caller.ask(self.user, "refused", {"do": "status", "status": 400}, self.number % 2 == 0)
        assert await caller.head() == 400, caller.status

    async def refused_here(self, on, caller):
        if self.number % 2:
            caller.key = "sk-cg-nobody"
        await caller.ask(self.user, "nobody-has-it", {"do": "plain"}, stream=False)
        assert await caller.head() in (401, 404), caller.status

    def fault(self, row, asked):
        """What is wrong with its row; None if it tells the truth."""
        if self.kind == "refused-here":
            return "has a row" if row else None
        if row is None:
            return "has no row"
        wanted = {
            "left-early": "cancelled",
            "left-midway": "cancelled",
            "cut": "truncated",
            "failed": "error",
            "refused-upstream": "error",
        }.get(self.kind, "ok")
        if row["status"] != wanted:
            return f"is {row['status']}, not {wanted}"
        if row["attempts"] != asked.attempts:
            return f"had {asked.attempts} attempts, not {row['attempts']}"
        prompt, cached, completion, reasoning = self.tokens(wanted, row, asked)
        if (row["estimated"] == 1) != (wanted in ("cancelled", "truncated")):
            return "is not estimated as it should be"
        cost = ((prompt - cached) * INPUT + cached * CACHED + completion * OUTPUT + 500) // 1000
        told = tuple(row[name] for name in SUMS)
        if told != (prompt, cached, completion, reasoning, cost):
            return f"says {told}, not {(prompt, cached, completion, reasoning, cost)}"
        return None

    def tokens(self, wanted, row, asked):
        """Scripted where there was an answer, else estimated from what had come: three bytes a token."""
        if wanted == "ok":
            return self.usage
        if wanted == "error":
            return (0, 0, 0, 0)
        least, most = -(-self.seen // 3), -(-asked.content_sent // 3)
        prompt = -(-len(f"Hello {self.user}") // 3) + 8
        return (prompt, 0, min(max(row["completion_tokens"], least), most), 0)


# How many of a hundred.
MIX = {
    "plain": 38,
    "streamed": 30,
    "left-early": 8,
    "left-midway": 8,
    "cut": 5,
    "failed": 5,
    "refused-upstream": 6,
}


def mixed(count, running):
    """`count` requests that reach the upstream, the running ones last, and some that do not."""
    kinds = [kind for kind, part in MIX.items() for _ in range(part)]
    requests = [Request(number, kinds[number * 37 % 100]) for number in range(count - running)]
    refused = [Request(number, "refused-here") for number in range(count, count + count // 20)]
    requests += refused
    random.Random(7).shuffle(requests)
    return requests, [Request(number, "running") for number in range(count - running, count)]


async def prove(binary, options):
    async with bench(binary) as on:
        requests, running = mixed(options.count, options.running)
        started = time.monotonic()
        errors = await send_all(on, list(requests), options.at_once)
        took = time.monotonic() - started
        last = [asyncio.ensure_future(request.send(on)) for request in running]
        await asyncio.gather(*(on.upstream.of(request.user).begun.wait() for request in running))
        await on.stop()
        errors += [error for error in await asyncio.gather(*last, return_exceptions=True) if error]
        rows = on.rows("mixed-")
        told = await told_after_restart(binary, on)
        print(f"{len(requests)} requests in {took:.0f} s, {len(running)} running at the signal")
        return report(options, on, requests + running, rows, errors, told)


async def send_all(on, waiting, at_once):
    errors = []

    async def worker():
        while waiting:
            request = waiting.pop()
            try:
                await asyncio.wait_for(request.send(on), 60)
            except Exception as error:  # whatever it is, it is told
                errors.append(f"{request.user} ({request.kind}): {type(error).__name__}: {error}")

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return errors


async def told_after_restart(binary, on):
    """The sums of `/usage`, from a new process on the same data."""
    with ExitStack() as held:
        settings = {"CONFIG_FILE": str(on.server.folder.parent / "load.toml"), "LOG_LEVEL": "error"}
        again = Server(held, on.server.folder, binary, settings, STOPPED_WITHIN)
        await asyncio.to_thread(again.wait_until_ready)
        return (await asyncio.to_thread(again.get, "/api/v1/usage", on.key))["total"]


def report(options, on, requests, rows, errors, told):
    faults, by_kind = [], {}
    for request in requests:
        row = rows.get(request.user)
        fault = request.fault(row, on.upstream.of(request.user))
        if fault:
            faults.append(f"{request.user} ({request.kind}) {fault}")
        sums = by_kind.setdefault(request.kind, Counter())
        sums["requests"] += 1
        if row:
            sums["rows"] += 1
            sums.update({name: row[name] for name in SUMS})
    heads = ("kind", "requests", "rows", "prompt", "cached", "completion", "reasoning", "micro-dollars")
    total = sum(by_kind.values(), Counter())
    named = [*sorted(by_kind.items()), ("all", total)]
    table(heads, [(kind, *(sums[name] for name in ("requests", "rows", *SUMS))) for kind, sums in named])
    for line in [*errors, *faults][:10]:
        print(f"  {line}")
    same = told["requests"] == total["rows"] and all(told[name] == total[name] for name in SUMS)
    kept = [
        promise(not errors, f"{len(errors)} requests were not answered as scripted"),
        promise(len(rows) == options.count, f"{len(rows)} rows for {options.count} requests"),
        promise(not faults, f"{len(faults)} rows say something else than what was scripted"),
        promise(same, f"/usage tells the same sums after a restart: {told['cost_microusd']} micro-dollars"),
    ]
    return all(kept)
