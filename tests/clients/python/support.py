"""What every test needs: clients of the server, and what the scripted upstream has seen."""

import json
import os
import time
import urllib.error
import urllib.request

import openai

SERVER = os.environ["SERVER_URL"]
UPSTREAM = os.environ["UPSTREAM_URL"]
KEY = os.environ["API_KEY"]
ACCESS_TOKEN = os.environ["ACCESS_TOKEN"]
BASE_URL = f"{SERVER}/api/v1"
SHORT_BASE_URL = f"{SERVER}/v1"
# A second server, with models of its own and little patience: see CONFIGURED in tests/clients/run.
CONFIGURED_BASE_URL = f"{os.environ['CONFIGURED_SERVER_URL']}/api/v1"
CONFIGURED_KEY = os.environ["CONFIGURED_API_KEY"]
CONFIGURED_ACCESS_TOKEN = os.environ["CONFIGURED_ACCESS_TOKEN"]
CONFIGURED = {"base_url": CONFIGURED_BASE_URL, "api_key": CONFIGURED_KEY}
CONTENT = "Grüße aus der Küche: 世界 👋, \"quoted\"\nand done."
HELLO = [{"role": "user", "content": "Hello"}]
CALLS = [("call_a", "weather", '{"city":"Wien"}'), ("call_b", "clock", "{}")]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
]


def client(**options):
    """An official client; without retries, so that a test sees the first answer."""
    return openai.OpenAI(**{"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, **options})


def async_client(**options):
    return openai.AsyncOpenAI(**{"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, **options})


def counting_client(**options):
    """A client, and the list of requests that it sends: retries count."""
    sent = []
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    return client(http_client=http, **options), sent


def create(asked, model, **options):
    return asked.chat.completions.create(model=model, messages=HELLO, **options)


def a_key(server, token, **limits):
    """Another API key of the same user, with limits or scopes of its own."""
    body = json.dumps({"name": "limited", **limits}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, _, key = raw("POST", f"{server}/api-keys", body, headers)
    assert status == 201, key
    return key["key"]


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def seen(model):
    """How often the upstream was asked for a model, how often left, and the last request."""
    with urllib.request.urlopen(f"{UPSTREAM}/admin/seen?model={model}", timeout=10) as answer:
        return json.loads(answer.read())


def eventually(holds, within=10.0):
    """Whether something comes true within some seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def raw(method, url, body=None, headers=None):
    """Status, headers and JSON of a request that no client would send by itself."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())
