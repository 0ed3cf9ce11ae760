"""Failed logins: whether their time or their text tells what is wrong. And two hundred logins at once."""

import asyncio
import http.client
import json
import math
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from bench import promise, table
from server import Failure, Server

LOGIN = "/api/v1/auth/login"
PASSWORD = "a-long-enough-passphrase-42"
# Whoever is told apart by less than both of these is not told apart (milliseconds, share).
SLACK, SHARE = 5, 0.05
LEAST_P = 0.001
AT_ONCE = 200
# KiB of a hash, of which as many are made at once as there are processors, and of a connection.
HASH, CONNECTION = 19 << 10, 256


async def prove(binary, options):
    return await asyncio.to_thread(prove_here, binary, options.count)


def prove_here(binary, count):
    kept = True
    for name, prepare, classes in (
        ("all hashes are argon2id", accounts, ("unknown", "wrong", "disabled", "no-password")),
        ("one hash is bcrypt", old_accounts, ("unknown", "wrong", "old")),
    ):
        with ExitStack() as held:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="concierge-load-")))
            server = prepare(held, folder, binary)
            kept &= nobody_is_told_apart(name, server, classes, count)
            if prepare is accounts:
                kept &= many_at_once(server)
            server.stop_cleanly()
    return kept


def start(held, folder, binary, **more):
    settings = {"RATE_LIMIT_ENABLED": "false", "LOG_LEVEL": "error", **more}
    return Server(held, folder, binary, settings).wait_until_ready()


def register(server, *names):
    for name in names:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        server.post("/api/v1/auth/register", body, 201)


def accounts(held, folder, binary):
    server = start(held, folder, binary)
    register(server, "wrong", "disabled", "no-password")
    with sqlite3.connect(server.data / "concierge.db") as main:
        main.execute("UPDATE users SET status = 'inactive' WHERE email LIKE 'disabled@%'")
        (nobody,) = main.execute("SELECT id FROM users WHERE email LIKE 'no-password@%'").fetchone()
    with sqlite3.connect(server.data / "credentials.db") as vault:
        vault.execute("DELETE FROM passwords WHERE user_id = ?", (nobody,))
    return server


def old_accounts(held, folder, binary):
    """Somebody registered while passwords were hashed by bcrypt."""
    before = start(held, folder, binary, PASSWORD_HASH="bcrypt")
    register(before, "old")
    before.stop_cleanly()
    server = start(held, folder, binary)
    register(server, "wrong")
    return server


def nobody_is_told_apart(name, server, classes, count):
    connection = http.client.HTTPConnection(*server.address)
    took, said = {who: [] for who in classes}, set()
    for number in range(count + 3):
        for who in classes:
            seconds, text = fail(connection, who)
            said.add(text)
            if number >= 3:
                took[who].append(seconds * 1e3)
    connection.close()
    print(f"  {name}: {count} failed logins of each sort, one after the other, in turn")
    medians = {who: statistics.median(times) for who, times in took.items()}
    first = classes[0]
    rows, kept = [], True
    for who in classes:
        difference = abs(medians[who] - medians[first])
        p = 1.0 if who == first else mann_whitney(took[first], took[who])
        kept &= difference < max(SLACK, SHARE * medians[first]) and p > LEAST_P
        rows.append((who, f"{medians[who]:.2f}", f"{difference:.2f}", f"{p:.4f}"))
    table(("login", "median ms", f"off {first}", "p"), rows)
    return promise(kept, "the time tells nothing") & promise(
        len(said) == 1, f"the text tells nothing ({len(said)} kinds of answers)"
    )


def fail(connection, who):
    """Seconds of a failed login, and what it was answered but for what names the request."""
    body = json.dumps({"email": f"{who}@example.com", "password": "not this one at all"})
    began = time.perf_counter()
    connection.request("POST", LOGIN, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    seconds = time.perf_counter() - began
    if answer.status != 401:
        raise Failure(f"A failed login was answered with {answer.status}: {text.decode()}")
    members = json.loads(text)
    # The length is that of the time, which is written without zeros at its end.
    named = {"x-request-id", "date", "content-length"}
    headers = sorted((k.lower(), v) for k, v in answer.getheaders() if k.lower() not in named)
    for member in ("request_id", "timestamp"):
        members.pop(member)
    return seconds, json.dumps([members, headers])


def mann_whitney(one, other):
    """The two-sided p that both samples are of one kind (normal approximation, no ties to speak of)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, of) in enumerate(ranked, 1) if of == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def many_at_once(server):
    """Each with a connection of its own, which is there before the first is asked."""
    before = kib(server, "VmRSS:")
    answers, waited, done = [], [], threading.Event()
    together = threading.Barrier(AT_ONCE)

    def log_in():
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        connection.connect()
        together.wait()
        body = json.dumps({"email": "wrong@example.com", "password": PASSWORD})
        connection.request("POST", LOGIN, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        answers.append((answer.status, answer.getheader("retry-after")))
        connection.close()

    def look():
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        while not done.is_set():
            began = time.perf_counter()
            connection.request("GET", "/health")
            if connection.getresponse().read() and (seconds := time.perf_counter() - began):
                waited.append(seconds * 1e3)
            time.sleep(0.01)

    prober = threading.Thread(target=look)
    prober.start()
    callers = [threading.Thread(target=log_in) for _ in range(AT_ONCE)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    done.set()
    prober.join()
    grown = kib(server, "VmHWM:") - before
    welcome = sum(status == 200 for status, _ in answers)
    sent_away = sum(status == 503 and after is not None for status, after in answers)
    print(f"  {AT_ONCE} logins at once")
    table(
        ("let in", "503 with Retry-After", "/health ms: median, most", "memory at most"),
        [(welcome, sent_away, f"{statistics.median(waited):.1f}, {max(waited):.1f}", f"+{grown >> 10} MiB")],
    )
    room = (os.cpu_count() + 1) * HASH + AT_ONCE * CONNECTION
    return promise(welcome > 0 and welcome + sent_away == AT_ONCE, "let in, or asked to come again") & promise(
        grown < room, f"no more than {room >> 10} MiB beside what it had"
    )


def kib(server, name):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
