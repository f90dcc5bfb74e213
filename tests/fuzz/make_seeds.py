#!/usr/bin/env python3
"""Writes seeds/: small inputs from which the fuzzer starts, so that it need not find JSON by chance.

Targets that read lines take four bytes first, which say where the file is cut.
"""

import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
CUTS = bytes([0, 1, 2, 3])


def seed(target, name, data):
    folder = os.path.join(HERE, "seeds", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data.encode() if isinstance(data, str) else data)


def line(value):
    return json.dumps(value, separators=(",", ":"))


def lines(target, name, values):
    seed(target, name, CUTS + "\n".join(v if isinstance(v, str) else line(v) for v in values).encode() + b"\n")


def claude(n, output, **more):
    usage = {
        "input_tokens": 3,
        "output_tokens": output,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 400,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "server_tool_use": {"web_search_requests": 1},
        "speed": "fast",
    }
    message = {"id": f"m{n}", "model": "claude-sonnet-4-5-20250929", "role": "assistant", "usage": usage}
    out = {
        "timestamp": f"2026-10-01T10:00:0{n}.000Z",
        "version": "2.1.100",
        "sessionId": "018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e",
        "requestId": f"r{n}",
        "isSidechain": False,
        "type": "assistant",
        "message": message,
    }
    out.update(more)
    return out


def codex(kind, payload, at=0):
    return {"timestamp": f"2026-10-01T10:00:{at:02}.000Z", "type": kind, "payload": payload}


def count(total, last, at=0, **more):
    def usage(n):
        return {"input_tokens": 10 * n, "cached_input_tokens": 4 * n, "output_tokens": n, "reasoning_output_tokens": n // 2, "total_tokens": 11 * n}

    info = {"total_token_usage": usage(total), "last_token_usage": usage(last)}
    return codex("event_msg", {"type": "token_count", "info": info, **more}, at)


def main():
    streamed = [claude(1, 1), claude(1, 50), claude(1, 50), claude(2, 9)]
    lines("claude_code", "streamed", streamed)
    lines("claude_code", "sidechain", [claude(1, 20), claude(1, 20, requestId="x", isSidechain=True), claude(3, 1, isSidechain=True)])
    nested = claude(4, 7)
    lines("claude_code", "progress", [{"type": "progress", "data": {"message": nested}}, '{"message":{"usage":', ""])
    odd = claude(5, 7)
    del odd["requestId"], odd["message"]["id"]
    odd["message"]["usage"]["iterations"] = [{"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 5, "output_tokens": 6}]
    odd["costUSD"] = 0.0123
    lines("claude_code", "odd", [odd, odd, line(claude(6, 7)).replace('"usage"', '"us\\u0061ge"'), line(claude(7, 7)).replace(":", " : ")])

    own, parent = "018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e", "018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4f"
    meta = codex("session_meta", {"id": own, "timestamp": "2026-10-01T10:00:00.000Z"})
    model = codex("turn_context", {"model": "gpt-5-codex"})
    windows = {"primary": {"used_percent": 12.5, "window_minutes": 300, "resets_at": 1790000000}, "secondary": {"used_percent": 3, "window_minutes": 10080, "resets_in_seconds": 60}}
    lines("codex", "counter", [meta, model, count(1, 1, 1, rate_limits=windows), count(1, 1, 2), count(3, 2, 3), count(7, 4, 4)])
    lines("codex", "interleaved", [meta, model, count(100, 100, 1), count(5, 5, 2), count(101, 1, 3), count(6, 1, 4)])
    child = codex("session_meta", {"id": own, "forked_from_id": parent, "timestamp": "2026-10-01T10:00:00.000Z"})
    started = codex("event_msg", {"type": "task_started", "started_at": 1790848800}, 5)
    lines("codex", "fork", [child, codex("session_meta", {"id": parent}), model, count(5, 5), started, count(6, 1, 6)])
    bare = {"type": "turn.completed", "timestamp": 1790848800000, "usage": {"input_tokens": 4, "cached_input_tokens": 1, "output_tokens": 2}}
    tier = codex("event_msg", {"type": "thread_settings_applied", "thread_settings": {"service_tier": "fast"}})
    record = codex("token_usage_record", {"response_id": "resp_1", "usage": {"input_tokens": 5, "output_tokens": 1}})
    lines("codex", "other", [meta, tier, bare, record, codex("event_msg", {"type": "token_count", "info": None, "rate_limits": windows})])

    gemini = {"id": "g1", "timestamp": "2026-10-01T10:00:00.000Z", "type": "gemini", "model": "gemini-2.5-pro",
              "tokens": {"input": 50, "output": 20, "cached": 40, "thoughts": 5, "tool": 1, "total": 76}}
    session = {"sessionId": "s", "projectHash": "h", "startTime": "2026-10-01T10:00:00.000Z", "lastUpdated": "2026-10-01T10:00:00.000Z"}
    seed("gemini_json", "session", line({**session, "messages": [{"type": "user", "content": "x"}, gemini, gemini]}))
    update = {"$set": {"messages": [gemini, {**gemini, "id": "g2"}]}}
    lines("gemini_jsonl", "session", [session, gemini, update, {"$rewindTo": "g1"}, {**gemini, "id": "g3"}])

    opencode = {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "providerID": "anthropic", "modelID": "claude-sonnet-4-5",
                "time": {"created": 1790848800000, "completed": 1790848801000}, "cost": 0.0123,
                "tokens": {"input": 10, "output": 20, "reasoning": 5, "cache": {"read": 30, "write": 40}}}
    seed("opencode", "message", line(opencode))

    for n, text in enumerate(['{"a":[1,-2.5e3,"\\u00e9\\ud83d\\ude00",null,true],"a":{}}', '[[[]],{"k":{"k":"v"}}]', ' "x" ', "-0.0e-1"]):
        seed("json", f"text{n}", text)
    with open(os.path.join(HERE, "../../schema/vectors/batch.json"), encoding="utf-8") as vectors:
        for vector in json.load(vectors)["vectors"]:
            seed("batch", "".join(c if c.isalnum() else "-" for c in vector["name"])[:40], bytes.fromhex(vector["hex"]))
    with open(os.path.join(HERE, "../../schema/vectors/segment.json"), encoding="utf-8") as vectors:
        vectors = json.load(vectors)
        for name in ("first_change", "second_change", "joined", "joined_differences"):
            seed("segment", name, bytes.fromhex(vectors[name]))
    # Damage that once went unseen, or worse.
    second = bytearray.fromhex(vectors["second_change"])
    for name, at, byte in (("a-batch-changed", second.index(b"batch"), 0x42), ("an-operation-that-cannot-be", 0x5A, 9),
                           ("no-such-actor", 0x5A, 0x7F), ("a-start-that-cannot-be", 0x3A, 7)):
        damaged = bytearray(second)
        damaged[at] = byte
        seed("segment", name, bytes(damaged))
    # Names: "a" twice. Records: one, and a column of a newer version that refers to a name by place.
    names = bytes([1, 2, 1, 1, 5, 4]) + b"\x02a\x02a"
    records = bytes([3, 1, 1, 40, 2, 2, 1, 1])
    seed("batch", "name-twice", bytes([1]) + names + records)
    override = {"models": {"gpt-5": [{"input": "1", "output": 2}, {"from": "2026-10-01", "input": 3, "output": 4, "above_200k": {"input": 5}, "batch": {"times": "0.5"}}], "x": {"same_as": "gpt-5"}}}
    for n, name in enumerate(["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "openrouter/anthropic/claude-4.5-sonnet-thinking", "gpt-5 (high)", "vertex_ai/claude-opus-4-1@20250805"]):
        seed("prices", f"name{n}", name + "\n" + line(override))


if __name__ == "__main__":
    main()
