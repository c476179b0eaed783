"""One provider's conversations through Anthropic's SDK: messages.py BASE MODEL CLASSES

CLASSES are the further classes of tokens that the provider counts: `cached`, `reasoning`.
"""

import sys

from checks import anthropic_client, equal, run, true

BASE, MODEL, *CLASSES = sys.argv[1:]
SDK = anthropic_client(BASE)
TEXT = "The quick brown fox, 敏捷的棕色狐狸 — and a 🦊 — jumps over \"the\" lazy dog.\nTwice."
LONG = "[[say:" + "one two three four five six seven eight nine ten " * 5 + "]]"


def tool(name, field):
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    return {"name": name, "description": f"By {field}", "input_schema": schema}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]
ONE_CALL = 'Look it up. [[tool:get_weather {"city": "Oslo"}]]'
TWO_CALLS = ONE_CALL + ' [[tool:get_time {"zone": "Europe/Oslo"}]]'
CALLS = {
    ONE_CALL: [("get_weather", {"city": "Oslo"})],
    TWO_CALLS: [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "Europe/Oslo"})],
}


def request(text, **more):
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "max_tokens": 1000, "messages": messages} | more


def ask(text, **more):
    return SDK.messages.create(**request(text, **more))


def streamed(text, **more):
    """The final message that the SDK builds of a stream, and the stream's events."""
    with SDK.messages.stream(**request(text, **more)) as stream:
        events = list(stream)
        return stream.get_final_message(), events


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message):
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def counts(usage):
    true(usage.input_tokens > 0, f"prompt tokens are counted: {usage}")
    true(usage.output_tokens > 0, f"answer tokens are counted: {usage}")
    return usage.input_tokens, usage.output_tokens


def unary():
    answer = ask(f"[[say:{TEXT}]]")
    equal(text_of(answer), TEXT, "text")
    equal((answer.type, answer.role), ("message", "assistant"), "type and role")
    equal((answer.stop_reason, answer.stop_sequence), ("end_turn", None), "stop")
    true(answer.id.startswith("msg_") and answer.model, "id and model")
    counts(answer.usage)


def stream():
    message, events = streamed(f"[[say:{TEXT}]]")
    equal(text_of(message), TEXT, "text, as in the unary answer")
    equal(message.stop_reason, "end_turn", "stop reason")
    equal(counts(message.usage), counts(ask(f"[[say:{TEXT}]]").usage), "usage")
    kinds = [event.type for event in events]
    equal((kinds[0], kinds[-1]), ("message_start", "message_stop"), "first and last event")
    equal((kinds.count("message_start"), kinds.count("message_delta")), (1, 1), "events")
    [end] = [event for event in events if event.type == "message_delta"]
    extension = end.model_extra["steelyard"]
    true(float(extension["cost_usd"]) > 0, f"the stream says what it cost: {extension}")


def stream_of_many_events():
    with SDK.messages.stream(**request("[[events:120]]")) as stream:
        found = "".join(stream.text_stream)
    equal(found, "".join(f"word{n} " for n in range(1, 121)), "text")


def raw_events():
    events = list(SDK.messages.create(**request("[[say:hello]]"), stream=True))
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    said = "".join(delta.text for delta in deltas if delta.type == "text_delta")
    equal(said, "hello", "text")


def system_and_turns():
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "[[say:fine]]"}]},
    ]
    brief = "You answer in one word."
    blocks = [{"type": "text", "text": brief, "cache_control": {"type": "ephemeral"}}]
    for system in (brief, blocks):
        answer = ask("", messages=messages, system=system)
        equal(text_of(answer), "fine", "text")


def sampling():
    # One at a time: Anthropic's newer models refuse both together.
    for more in ({"temperature": 0.3}, {"top_p": 0.9}):
        answer = ask("[[say:warm]]", extra_body=more)
        equal(text_of(answer), "warm", f"text with {more}")


def max_tokens():
    answer = ask(LONG, max_tokens=8)
    equal(answer.stop_reason, "max_tokens", "stop reason")
    true(answer.usage.output_tokens <= 8, f"{answer.usage}")
    message, _ = streamed(LONG, max_tokens=8)
    equal(message.stop_reason, "max_tokens", "stop reason of the stream")
    equal(text_of(message), text_of(answer), "text of the stream")


def stop_sequences():
    said = "[[say:one two STOP three]]"
    answer = ask(said, stop_sequences=["never", "STOP"])
    equal(text_of(answer).strip(), "one two", "text")
    true(answer.stop_reason in ("end_turn", "stop_sequence"), f"{answer.stop_reason}")
    message, _ = streamed(said, stop_sequences=["STOP"])
    equal(text_of(message).strip(), "one two", "text of the stream")


def tool_calls():
    for text, expected in CALLS.items():
        answer = ask(text, tools=TOOLS)
        equal(calls_of(answer), expected, "calls")
        equal(answer.stop_reason, "tool_use", "stop reason")
        message, events = streamed(text, tools=TOOLS)
        equal(calls_of(message), expected, "calls of the stream")
        equal(message.stop_reason, "tool_use", "stop reason of the stream")
        ids = [block.id for block in message.content if block.type == "tool_use"]
        equal(len(set(ids)), len(expected), "ids")


def tool_result_round_trip():
    for text in CALLS:
        first = ask(text, tools=TOOLS)
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": f"result of {block.name} is 17",
            }
            for block in first.content
            if block.type == "tool_use"
        ]
        # The SDK's own objects go back, with whatever fields they hold.
        history = [
            {"role": "user", "content": text},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results},
        ]
        second = ask("", messages=history, tools=TOOLS)
        for name, _ in CALLS[text]:
            true(f"result of {name} is 17" in text_of(second), f"{text_of(second)!r}")
        equal(second.stop_reason, "end_turn", "stop reason")
        again, _ = streamed("", messages=history, tools=TOOLS)
        true("is 17" in text_of(again), "the stream uses the result")


def tool_choice():
    answer = ask("Say when.", tools=TOOLS, tool_choice={"type": "tool", "name": "get_time"})
    equal([name for name, _ in calls_of(answer)], ["get_time"], "calls")
    answer = ask("The weather?", tools=TOOLS, tool_choice={"type": "none"})
    equal(calls_of(answer), [], "no calls when none are allowed")


def count_tokens():
    body = {name: value for name, value in request(LONG).items() if name != "max_tokens"}
    raw = SDK.messages.with_raw_response.count_tokens(**body)
    true(raw.parse().input_tokens > 20, f"{raw.parse()}")
    estimated = raw.headers.get("x-steelyard-estimated")
    exact = MODEL.startswith("anthropic")
    equal(estimated, None if exact else "true", "whether it is an estimate")
    if exact:
        equal(raw.parse().input_tokens, ask(LONG).usage.input_tokens, "as it is metered")


def raw_headers():
    raw = SDK.messages.with_raw_response.create(**request("[[say:hello]]"))
    equal(raw.headers["x-steelyard-route"], MODEL, "route")
    true(float(raw.headers["x-steelyard-cost-usd"]) > 0, "cost")
    equal(raw.headers["request-id"], raw.headers["x-request-id"], "request id")
    equal(raw.parse()._request_id, raw.headers["request-id"], "the SDK's request id")


def cached_tokens():
    text = "[[cached:7]] What did the harbour master say about the tides this week?"
    for usage in (ask(text).usage, streamed(text)[0].usage):
        counts(usage)
        equal(usage.cache_read_input_tokens, 7, f"cached tokens of {usage}")


def reasoning():
    text = "[[think]] [[say:the answer]]"
    for message in (ask(text), streamed(text)[0]):
        equal(text_of(message), "the answer", "text without the thoughts")
        thoughts = [block for block in message.content if block.type == "thinking"]
        true(len(thoughts) <= 1, f"thoughts: {thoughts}")
        counts(message.usage)
        details = message.usage.output_tokens_details
        true(details and details.thinking_tokens > 0, f"reasoning tokens of {message.usage}")


CHECKS = [
    unary,
    stream,
    stream_of_many_events,
    raw_events,
    system_and_turns,
    sampling,
    max_tokens,
    stop_sequences,
    tool_calls,
    tool_result_round_trip,
    tool_choice,
    count_tokens,
    raw_headers,
]
FURTHER = {"cached": cached_tokens, "reasoning": reasoning}
run(CHECKS + [FURTHER[name] for name in CLASSES])
