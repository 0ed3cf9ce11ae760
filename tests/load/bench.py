"""What every proof needs: the server with its models, its memory, its ledger, and a table."""

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import asynccontextmanager, ExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "clients"))

from server import Failure, Server  # noqa: E402

from caller import Caller  # noqa: E402
from upstream import Upstream  # noqa: E402

# One a kind of request: a breaker or a cooldown of one must not touch the others.
MODELS = ("plain", "stream", "late", "broken", "refused", "failing")
# USD per million tokens, and so thousandths of a micro-dollar a token.
INPUT, CACHED, OUTPUT = 3_000, 300, 15_000
STOPPED_WITHIN = 30

SETTINGS = """
rate_limit_enabled = false

[providers.load]
kind = "openai"
base_url = "{upstream}"
api_key = "sk-upstream"

[relay]
breaker_failures = 1000000
"""
MODEL = """
[models.{name}]
targets = ["load/{name}"]
price = {{ input = 3, cached_input = 0.3, output = 15 }}
"""


class Bench:
    """A running server and the upstream behind it."""

    def __init__(self, server, upstream, key):
        self.server = server
        self.upstream = upstream
        self.key = key

    def caller(self, receive_buffer=None):
        return Caller(self.server.address, self.key, receive_buffer)

    async def warm_up(self):
        """Lets the server open what it opens once."""

        async def one(number):
            caller = self.caller()
            await caller.ask(f"warm-{number}", "stream", {"do": "stream", "chunks": 3})
            await caller.head()
            async for _ in caller.words():
                pass
            caller.leave()

        await asyncio.gather(*(one(number) for number in range(32)))
        await asyncio.sleep(0.5)

    def memory(self):
        """What the server holds, in KiB."""
        pages = int(Path(f"/proc/{self.server.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def cpu(self):
        """What the server has computed, in seconds."""
        stat = Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    async def stop(self):
        await asyncio.to_thread(self.server.stop_cleanly)

    def rows(self, prefix):
        """The rows of the stopped server whose request's name begins so, by that name."""
        with sqlite3.connect(self.server.data / "concierge.db") as database:
            database.row_factory = sqlite3.Row
            query = "SELECT * FROM ledger WHERE request_id LIKE ? ORDER BY at"
            found = database.execute(query, (f"{prefix}%",)).fetchall()
        rows = {row["request_id"]: row for row in found}
        if len(rows) != len(found):
            raise Failure(f"{len(found) - len(rows)} requests have more than one row")
        return rows


@asynccontextmanager
async def bench(binary):
    """Starts both, and makes an account; the folder is gone at the end."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="concierge-load-")))
        upstream = Upstream()
        settings = folder / "load.toml"
        models = "".join(MODEL.format(name=name) for name in MODELS)
        settings.write_text(SETTINGS.format(upstream=await upstream.start()) + models)
        environment = {"CONFIG_FILE": str(settings), "LOG_LEVEL": "error"}
        server = Server(held, folder / "server", binary, environment, STOPPED_WITHIN)
        await asyncio.to_thread(server.wait_until_ready)
        key = (await asyncio.to_thread(server.account))["API_KEY"]
        try:
            yield Bench(server, upstream, key)
        except BaseException:
            server.print_log()
            raise


def share(numbers, part):
    """The number below which that part of them lies."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def table(heads, rows):
    texts = [[str(cell) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[place]) for row in texts) for place in range(len(heads))]
    for number, row in enumerate(texts):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def promise(holds, words):
    """A line for what was promised; what it returns is whether it was kept."""
    print(f"{'✔' if holds else '✖'} {words}", flush=True)
    return holds
