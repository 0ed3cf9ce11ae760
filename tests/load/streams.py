"""Many slow streams at once: each must come whole and in order.

The times are those of callers and an upstream in one process, whose own turns they include.
"""

import asyncio
import time

from bench import bench, promise, share, table


async def prove(binary, options):
    async with bench(binary) as on:
        await on.warm_up()
        idle, worked = on.memory(), on.cpu()
        watch = asyncio.ensure_future(peak(on))
        script = {"do": "stream", "chunks": options.chunks, "pause": options.pause}
        ended = await asyncio.gather(
            *(one(on, f"stream-{number}", script) for number in range(options.count)),
            return_exceptions=True,
        )
        watch.cancel()
        worked = on.cpu() - worked
        highest = max(watch.highest, on.memory())
        await on.stop()
        return report(options, on, ended, (idle, highest), worked)


async def one(on, user, script):
    """The time to the first word, and how long each word was under way."""
    caller, started = on.caller(), time.monotonic()
    first, delays = None, []
    await caller.ask(user, "stream", script)
    assert await caller.head() == 200, caller.status
    async for word in caller.words():
        now = time.monotonic()
        first = first or now - started
        delays.append(now - float(word.split(" ")[1]))
    assert len(delays) == script["chunks"], len(delays)
    caller.leave()
    return first, delays


async def peak(on):
    watch = asyncio.current_task()
    watch.highest = 0
    while True:
        watch.highest = max(watch.highest, on.memory())
        await asyncio.sleep(0.2)


def report(options, on, ended, memory, worked):
    errors = [error for error in ended if isinstance(error, BaseException)]
    whole = [times for times in ended if not isinstance(times, BaseException)]
    firsts = [first for first, _ in whole]
    delays = [delay for _, words in whole for delay in words]
    idle, highest = memory
    chunks = max(1, options.count * options.chunks)
    table(
        ("streams", "whole", "first word p50 / p99 ms", "word p50 / p99 ms", "RSS MB", "KB a stream", "CPU µs a word"),
        [
            (
                options.count,
                len(whole),
                f"{share(firsts, 0.5) * 1e3:.0f} / {share(firsts, 0.99) * 1e3:.0f}",
                f"{share(delays, 0.5) * 1e3:.1f} / {share(delays, 0.99) * 1e3:.1f}",
                f"{idle / 1024:.1f} → {highest / 1024:.1f}",
                f"{(highest - idle) / options.count:.1f}",
                f"{worked / chunks * 1e6:.0f}",
            )
        ],
    )
    for error in errors[:5]:
        print(f"  {type(error).__name__}: {error}")
    rows = on.rows("stream-").values()
    ok = sum(row["status"] == "ok" and row["completion_tokens"] == 7 for row in rows)
    return promise(not errors, f"{len(errors)} of {options.count} streams had an error") & promise(
        ok == options.count, f"{ok} of {options.count} are in the ledger as whole, with their usage"
    )
