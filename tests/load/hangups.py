"""Callers who hang up, at each time of an answer: how soon the upstream sees it."""

import asyncio
import time

from bench import bench, promise, table

ENDLESS = {"do": "stream", "chunks": None, "pause": 0.02}
# The words are there, and then there is nothing to be written that would fail.
QUIET = {"do": "stream", "chunks": None, "pause": 30}
# Name, model, script, whether it is a stream, and how many words are read before leaving.
WINDOWS = (
    ("before the upstream's head", "late", {"do": "silent"}, True, 0),
    ("before the first word", "late", {"do": "head"}, True, 0),
    ("mid-stream, words flowing", "stream", ENDLESS, True, 3),
    ("mid-stream, upstream quiet", "stream", QUIET, True, 1),
    ("while waiting for a plain answer", "plain", {"do": "silent"}, False, 0),
)
# Seconds until we give up waiting for the upstream to notice.
LONGEST = 10


async def prove(binary, options):
    async with bench(binary) as on:
        await on.warm_up()
        kept, rows = True, []
        for place, window in enumerate(WINDOWS):
            took = []
            for number in range(options.count):
                took.append(await hang_up(on, f"left-{place}-{number}", window, number % 2 == 1))
            rows.append(row_of(window[0], took))
            kept &= all(time is not None and time * 1e3 <= options.within for time in took)
        await on.stop()
        ledger = on.rows("left-").values()
        table(("hung up", "closed upstream", "min ms", "median ms", "max ms"), rows)
        wanted = options.count * len(WINDOWS)
        cancelled = sum(row["status"] == "cancelled" for row in ledger)
        return promise(kept, f"each is closed upstream within {options.within} ms") & promise(
            cancelled == wanted == len(ledger), f"{cancelled} of {wanted} are in the ledger as cancelled"
        )


async def hang_up(on, user, window, by_reset):
    """Seconds from hanging up until the upstream saw its connection close; None if it never did."""
    _, model, script, is_stream, words = window
    asked, caller = on.upstream.of(user), on.caller()
    await caller.ask(user, model, script, is_stream)
    await asyncio.wait_for(asked.begun.wait(), LONGEST)
    if words:
        assert await caller.head() == 200, caller.status
        stream = caller.words()
        for _ in range(words):
            await anext(stream)
    else:
        # What the upstream has said is on its way to the server.
        await asyncio.sleep(0.05)
    left = time.monotonic()
    caller.leave(by_reset)
    try:
        await asyncio.wait_for(asked.gone.wait(), LONGEST)
    except TimeoutError:
        return None
    return asked.gone_at - left


def row_of(name, took):
    seen = sorted(seconds * 1e3 for seconds in took if seconds is not None)
    middle = [f"{seen[0]:.1f}", f"{seen[len(seen) // 2]:.1f}", f"{seen[-1]:.1f}"] if seen else ["–"] * 3
    return (name, f"{len(seen)} of {len(took)}", *middle)
