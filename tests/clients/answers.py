"""What the scripted upstream says: whole answers, frames of streams, embeddings and errors."""

import base64
import json
import struct

MODELS = ["echo", "crumbs", "slow", "endless", "tools", "cut", "json", "reasoning", "vendor/echo"]
CONTENT = "Grüße aus der Küche: 世界 👋, \"quoted\"\nand done."
PIECES = ["Grüße ", "aus der Küche: ", "世界 👋", ", \"quoted\"\n", "and done."]
JSON_PIECES = ['{"city"', ':"Wien","deg', 'rees":21', "}"]
REASONING_PIECES = ["Let me ", "think: ", "世界."]
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CALLS = [("call_a", "weather", '{"city":"Wien"}'), ("call_b", "clock", "{}")]
EMBEDDING = [0.25, -0.5, 1.0]


def problem(message, kind, code=None, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


UNKNOWN_ROUTE = problem("No such route.", "invalid_request_error")
UNKNOWN_MODEL = problem("The model does not exist.", "invalid_request_error", "model_not_found", "model")
CRASHED = problem("The model has crashed.", "server_error", "crashed")
BROKE = problem("You exceeded your quota.", "insufficient_quota", "insufficient_quota")
STATUSES = {
    400: problem("Unsupported value: 'temperature'.", "invalid_request_error", None, "temperature"),
    401: problem("Incorrect API key provided: sk-up***am.", "invalid_request_error", "invalid_api_key"),
    402: problem("The account has run dry.", "billing_error"),
    403: problem("This content is not for you.", "invalid_request_error", "content_policy"),
    404: problem("This model was retired.", "invalid_request_error", "model_not_found", "model"),
    409: problem("Try another thread.", "invalid_request_error", "conflict"),
    413: problem("The picture is too large.", "invalid_request_error", "image_too_large"),
    422: problem("The schema is not valid.", "invalid_request_error", "invalid_schema", "tools"),
    429: problem("Rate limit reached.", "requests", "rate_limit_exceeded"),
    500: problem("Exception at db-17.internal:5432", "server_error"),
    502: problem("No route to db-17.internal:5432", "server_error"),
    503: problem("No capacity at db-17.internal:5432", "server_error"),
    504: problem("Waited for db-17.internal:5432", "server_error"),
    529: problem("Too much for db-17.internal:5432", "overloaded_error"),
}


def script_of(model):
    return model.rsplit("/", 1)[-1].split(":", 1)[0]


def pieces_of(script):
    return JSON_PIECES if script == "json" else PIECES


def completion(script, asked):
    """A plain answer, with as many choices as were asked for."""
    finish = "stop"
    message = {"role": "assistant", "content": "".join(pieces_of(script))}
    if script == "reasoning":
        message["reasoning_content"] = "".join(REASONING_PIECES)
    if script == "tools":
        calls = [
            {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call, name, arguments in CALLS
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        finish = "tool_calls"
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in range(asked.get("n") or 1)
    ]
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1700000000,
        "model": asked["model"],
        "choices": choices,
        "usage": USAGE,
        "x_vendor": {"kept": True},
    }


def chunk(model, delta, finish=None, index=0, **more):
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
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


def frames(script, asked):
    """Every frame of a whole stream, the usage and `[DONE]` at its end."""
    model = asked["model"]
    wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    if script == "tools":
        yield from tool_frames(model)
    else:
        yield from content_frames(script, model, asked.get("n") or 1, wants_usage)
    if wants_usage:
        yield frame({**chunk(model, {}), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def content_frames(script, model, choices, wants_usage):
    """A comment, the role, the content, the end; several choices take turns."""
    more = {"usage": None} if wants_usage else {}
    yield b": warming up\n\n"
    deltas = [{"role": "assistant", "content": ""}]
    if script == "reasoning":
        deltas += [{"reasoning_content": piece} for piece in REASONING_PIECES]
    deltas += [{"content": piece} for piece in pieces_of(script)]
    for delta in deltas:
        for index in range(choices):
            yield frame(chunk(model, delta, index=index, **more))
    for index in range(choices):
        yield frame(chunk(model, {}, "stop", index, **more))


def tool_frames(model):
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


def embeddings(asked):
    """One vector for each text, or for each list of tokens: the same numbers, then its place."""
    texts = asked["input"]
    if isinstance(texts, str) or (texts and isinstance(texts[0], int)):
        texts = [texts]
    data = [
        {"object": "embedding", "index": place, "embedding": vector([*EMBEDDING, float(place)], asked)}
        for place in range(len(texts))
    ]
    usage = {"prompt_tokens": 5 * len(texts), "total_tokens": 5 * len(texts)}
    return {"object": "list", "data": data, "model": asked["model"], "usage": usage}


def vector(numbers, asked):
    if asked.get("encoding_format") != "base64":
        return numbers
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
