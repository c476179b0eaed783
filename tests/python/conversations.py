"""One provider's conversations through the official SDK: conversations.py BASE MODEL CLASSES

CLASSES are the further classes of tokens that the provider counts: `cached`, `reasoning`.
"""

import json
import sys

from checks import client, equal, run, true

BASE, MODEL, *CLASSES = sys.argv[1:]
SDK = client(BASE)
TEXT = "The quick brown fox, 敏捷的棕色狐狸 — and a 🦊 — jumps over \"the\" lazy dog.\nTwice."

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time of a zone",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string"}},
            "required": ["zone"],
        },
    },
}
ONE_CALL = 'Look it up. [[tool:get_weather {"city": "Oslo"}]]'
TWO_CALLS = ONE_CALL + ' [[tool:get_time {"zone": "Europe/Oslo"}]]'


def ask(text, **more):
    return SDK.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], **more
    )


def streamed(text, **more):
    return list(ask(text, stream=True, **more))


def content(chunks):
    deltas = (chunk.choices[0].delta.content for chunk in chunks if chunk.choices)
    return "".join(delta or "" for delta in deltas)


def finish_reasons(chunks):
    choices = (choice for chunk in chunks for choice in chunk.choices)
    return [choice.finish_reason for choice in choices if choice.finish_reason]


def sums(usage):
    true(usage.prompt_tokens > 0, f"prompt tokens are counted: {usage}")
    true(usage.completion_tokens > 0, f"answer tokens are counted: {usage}")
    total = usage.prompt_tokens + usage.completion_tokens
    equal(usage.total_tokens, total, "total tokens")


def unary():
    answer = ask(f"[[say:{TEXT}]]")
    equal(len(answer.choices), 1, "choices")
    equal(answer.choices[0].message.content, TEXT, "text")
    equal(answer.choices[0].message.role, "assistant", "role")
    equal(answer.choices[0].finish_reason, "stop", "finish reason")
    equal(answer.object, "chat.completion", "object")
    true(answer.id and answer.created > 1_000_000_000, "id and date")
    sums(answer.usage)


def stream_with_usage():
    chunks = streamed(f"[[say:{TEXT}]]", stream_options={"include_usage": True})
    equal(content(chunks), TEXT, "text, as in the unary answer")
    equal(finish_reasons(chunks), ["stop"], "finish reasons")
    with_usage = [chunk for chunk in chunks if chunk.usage]
    equal(len(with_usage), 1, "chunks with usage")
    true(with_usage[0] is chunks[-1] and not chunks[-1].choices, "usage comes last and alone")
    sums(chunks[-1].usage)
    unary_usage = ask(f"[[say:{TEXT}]]").usage
    equal(
        (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens),
        (unary_usage.prompt_tokens, unary_usage.completion_tokens),
        "usage, as in the unary answer",
    )
    extension = chunks[-1].model_extra["steelyard"]
    true(float(extension["cost_usd"]) > 0, f"the stream says what it cost: {extension}")
    equal({chunk.object for chunk in chunks}, {"chat.completion.chunk"}, "object")
    equal(len({chunk.id for chunk in chunks}), 1, "ids of one stream")


def stream_without_usage():
    chunks = streamed(f"[[say:{TEXT}]]")
    equal(content(chunks), TEXT, "text")
    equal(finish_reasons(chunks), ["stop"], "finish reasons")
    equal([chunk for chunk in chunks if chunk.usage], [], "chunks with usage")
    true(all(chunk.choices for chunk in chunks), "no chunk without a choice")


def stream_of_many_events():
    chunks = streamed("[[events:120]]")
    equal(content(chunks), "".join(f"word{n} " for n in range(1, 121)), "text")
    equal(finish_reasons(chunks), ["stop"], "finish reasons")


def system_and_turns():
    answer = SDK.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "You answer in one word."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "[[say:fine]]"},
        ],
    )
    equal(answer.choices[0].message.content, "fine", "text")


def sampling():
    # One at a time: Anthropic's newer models refuse both together.
    for more in ({"temperature": 0.3}, {"top_p": 0.9}):
        answer = ask("[[say:warm]]", **more)
        equal(answer.choices[0].message.content, "warm", f"text with {more}")


def max_tokens():
    long = "[[say:" + "one two three four five six seven eight nine ten " * 5 + "]]"
    for limit in ({"max_tokens": 8}, {"max_completion_tokens": 8}):
        answer = ask(long, **limit)
        equal(answer.choices[0].finish_reason, "length", f"finish reason with {limit}")
        true(answer.usage.completion_tokens <= 8, f"{limit}: {answer.usage}")
        chunks = streamed(long, **limit)
        equal(finish_reasons(chunks), ["length"], f"finish reasons with {limit}")
        equal(content(chunks), answer.choices[0].message.content, "text of the stream")


def stop():
    for stops in ("STOP", ["never", "STOP"]):
        answer = ask("[[say:one two STOP three]]", stop=stops)
        equal(answer.choices[0].message.content.strip(), "one two", "text")
        equal(answer.choices[0].finish_reason, "stop", "finish reason")
    equal(content(streamed("[[say:one two STOP three]]", stop="STOP")).strip(), "one two", "text")


def calls_of(message):
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]


def one_tool_call():
    answer = ask(ONE_CALL, tools=[WEATHER, TIME])
    equal(answer.choices[0].finish_reason, "tool_calls", "finish reason")
    message = answer.choices[0].message
    equal(calls_of(message), [("get_weather", {"city": "Oslo"})], "calls")
    true(message.tool_calls[0].id and message.tool_calls[0].type == "function", "id and type")
    sums(answer.usage)


def parallel_tool_calls():
    answer = ask(TWO_CALLS, tools=[WEATHER, TIME])
    message = answer.choices[0].message
    expected = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "Europe/Oslo"})]
    equal(calls_of(message), expected, "calls")
    equal(len({call.id for call in message.tool_calls}), 2, "different ids")


def streamed_tool_calls():
    for text, expected in (
        (ONE_CALL, {0: ("get_weather", {"city": "Oslo"})}),
        (
            TWO_CALLS,
            {0: ("get_weather", {"city": "Oslo"}), 1: ("get_time", {"zone": "Europe/Oslo"})},
        ),
    ):
        chunks = streamed(text, tools=[WEATHER, TIME])
        equal(finish_reasons(chunks), ["tool_calls"], "finish reasons")
        names, arguments, ids = {}, {}, {}
        for chunk in chunks:
            for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
                if call.id:
                    ids.setdefault(call.index, call.id)
                if call.function.name:
                    names[call.index] = names.get(call.index, "") + call.function.name
                part = call.function.arguments or ""
                arguments[call.index] = arguments.get(call.index, "") + part
        found = {index: (names[index], json.loads(arguments[index])) for index in names}
        equal(found, expected, "calls")
        equal(len(set(ids.values())), len(expected), "ids")


def tool_result_round_trip():
    for text in (ONE_CALL, TWO_CALLS):
        messages = [{"role": "user", "content": text}]
        tools = [WEATHER, TIME]
        first = SDK.chat.completions.create(
            model=MODEL, messages=messages, tools=tools
        )
        equal(len(first.choices[0].message.tool_calls), text.count("[[tool:"), "calls")
        message = first.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = f"result of {call.function.name} is 17"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        second = SDK.chat.completions.create(model=MODEL, messages=messages, tools=tools)
        answer = second.choices[0].message.content
        for call in message.tool_calls:
            true(f"result of {call.function.name} is 17" in answer, f"{answer!r} uses the result")
        equal(second.choices[0].finish_reason, "stop", "finish reason")
        again = SDK.chat.completions.create(
            model=MODEL, messages=messages, tools=tools, stream=True
        )
        true("is 17" in content(list(again)), "the stream uses the result")


def named_tool():
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = ask("Say when.", tools=[WEATHER, TIME], tool_choice=choice)
    equal([name for name, _ in calls_of(answer.choices[0].message)], ["get_time"], "calls")
    answer = ask("The weather?", tools=[WEATHER, TIME], tool_choice="none")
    true(not answer.choices[0].message.tool_calls, "no calls when none are allowed")


def cached_tokens():
    for stream in (False, True):
        text = "[[cached:7]] What did the harbour master say about the tides this week?"
        if stream:
            usage = streamed(text, stream_options={"include_usage": True})[-1].usage
        else:
            usage = ask(text).usage
        sums(usage)
        equal(usage.prompt_tokens_details.cached_tokens, 7, f"cached tokens of {usage}")


def reasoning_tokens():
    for stream in (False, True):
        text = "[[think]] [[say:the answer]]"
        if stream:
            chunks = streamed(text, stream_options={"include_usage": True})
            usage = chunks[-1].usage
            equal(content(chunks), "the answer", "text without the thoughts")
        else:
            answer = ask(text)
            usage = answer.usage
            equal(answer.choices[0].message.content, "the answer", "text without the thoughts")
        sums(usage)
        details = usage.completion_tokens_details
        true(details and details.reasoning_tokens > 0, f"reasoning tokens of {usage}")
        true(details.reasoning_tokens < usage.completion_tokens, f"answer tokens of {usage}")


def raw_headers():
    raw = SDK.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "[[say:hello]]"}]
    )
    equal(raw.headers["x-steelyard-route"], MODEL, "route")
    equal(raw.headers["x-steelyard-attempts"], "1", "attempts")
    true(raw.headers["x-steelyard-model"] not in ("", "none"), "model")
    true(raw.headers["x-steelyard-provider"] not in ("", "none"), "provider")
    true(len(raw.headers["x-steelyard-policy"]) == 12, "policy")
    true(0 <= float(raw.headers["x-steelyard-complexity"]) <= 1, "complexity")
    true(float(raw.headers["x-steelyard-cost-usd"]) > 0, "cost")
    true(raw.headers["x-request-id"], "request id")
    equal(raw.parse().choices[0].message.content, "hello", "text")
    equal(raw.parse()._request_id, raw.headers["x-request-id"], "the SDK's request id")


CHECKS = [
    unary,
    stream_with_usage,
    stream_without_usage,
    stream_of_many_events,
    system_and_turns,
    sampling,
    max_tokens,
    stop,
    one_tool_call,
    parallel_tool_calls,
    streamed_tool_calls,
    tool_result_round_trip,
    named_tool,
    raw_headers,
]
FURTHER = {"cached": cached_tokens, "reasoning": reasoning_tokens}
run(CHECKS + [FURTHER[name] for name in CLASSES])
