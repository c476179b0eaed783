"""What a whole client of OpenAI's SDK does with one model: openai_full.py BASE MODEL REFUSED SHOWN

REFUSED lists the capabilities that are expected to be refused, SHOWN what the provider shows of
its reasoning: `thoughts`, `tokens`; `-` is none.
"""

import json
import sys

import openai
import pydantic

from checks import client, equal, listed, needs, run, true

BASE, MODEL = sys.argv[1:3]
REFUSED, SHOWN = map(listed, sys.argv[3:5])
SDK = client(BASE)
PICTURE = "data:image/png;base64,iVBORw0KGgo="
ADDRESS = "https://pictures.test/a.png"
TEXT = "The quick brown fox, 敏捷的棕色狐狸 — and a 🦊 — jumps over \"the\" lazy dog.\nTwice."


class Stop(pydantic.BaseModel):
    name: str
    minutes: int


class Journey(pydantic.BaseModel):
    """A nested answer: the SDK puts `Stop` under `$defs`."""

    city: str
    line: str | None
    stops: list[Stop]


class get_weather(pydantic.BaseModel):
    city: str


class get_time(pydantic.BaseModel):
    zone: str


TOOLS = [openai.pydantic_function_tool(get_weather), openai.pydantic_function_tool(get_time)]
CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "Europe/Oslo"}]]'


def user(content):
    return [{"role": "user", "content": content}]


def ask(content, **more):
    return SDK.chat.completions.create(model=MODEL, messages=user(content), **more)


def helped(messages, **more):
    """The completion that the SDK's helper builds of a stream, and the helper's events."""
    with SDK.chat.completions.stream(model=MODEL, messages=messages, **more) as stream:
        events = list(stream)
        return stream.get_final_completion(), events


def streaming_helper():
    usage = {"include_usage": True}
    completion, events = helped(user(f"[[say:{TEXT}]]"), stream_options=usage)
    equal(completion.choices[0].message.content, TEXT, "text")
    equal(completion.choices[0].finish_reason, "stop", "finish reason")
    total = completion.usage.prompt_tokens + completion.usage.completion_tokens
    equal(completion.usage.total_tokens, total, "total of the usage")
    unary = ask(f"[[say:{TEXT}]]").usage
    equal(completion.usage.prompt_tokens, unary.prompt_tokens, "prompt, as in the unary answer")
    said = "".join(event.delta for event in events if event.type == "content.delta")
    equal(said, TEXT, "text of the events")
    equal([event.content for event in events if event.type == "content.done"], [TEXT], "the end")


def streaming_helper_with_tools():
    completion, events = helped(user(CALLS), tools=TOOLS)
    calls = completion.choices[0].message.tool_calls
    parsed = [call.function.parsed_arguments for call in calls]
    equal(parsed, [get_weather(city="Oslo"), get_time(zone="Europe/Oslo")], "parsed arguments")
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    equal([event.name for event in done], ["get_weather", "get_time"], "events of the ends")


def parsed_tools():
    completion = SDK.chat.completions.parse(model=MODEL, messages=user(CALLS), tools=TOOLS)
    message = completion.choices[0].message
    parsed = [call.function.parsed_arguments for call in message.tool_calls]
    equal(parsed, [get_weather(city="Oslo"), get_time(zone="Europe/Oslo")], "parsed arguments")
    # The SDK's own object goes back, and what it has parsed with it.
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"}
        for call in message.tool_calls
    ]
    history = [*user(CALLS), message, *results]
    second = SDK.chat.completions.create(model=MODEL, messages=history, tools=TOOLS)
    text = second.choices[0].message.content
    true("17 degrees" in text, f"{text!r} uses the result")


def journey(message):
    true(isinstance(message.parsed, Journey), f"parsed: {message}")
    true(message.parsed.stops and message.parsed.stops[0].minutes > 0, f"stops: {message.parsed}")
    equal(json.loads(message.content), message.parsed.model_dump(), "text and what is parsed")
    true(not message.tool_calls, "no call is shown where an answer was asked for")


@needs("structured")
def parsed_answer():
    asked = user("Which journey? Answer as JSON.")
    completion = SDK.chat.completions.parse(
        model=MODEL, messages=asked, response_format=Journey
    )
    equal(completion.choices[0].finish_reason, "stop", "finish reason")
    journey(completion.choices[0].message)
    asked += [completion.choices[0].message, *user("And back? Answer as JSON.")]
    completion = SDK.chat.completions.parse(
        model=MODEL, messages=asked, response_format=Journey
    )
    journey(completion.choices[0].message)


@needs("structured")
def parsed_stream():
    asked = user("Which journey? Answer as JSON.")
    completion, _ = helped(asked, response_format=Journey)
    equal(completion.choices[0].finish_reason, "stop", "finish reason")
    journey(completion.choices[0].message)


@needs("json_object")
def json_object():
    answer = ask("Which journey? Answer as JSON.", response_format={"type": "json_object"})
    text = answer.choices[0].message.content
    true(isinstance(json.loads(text), dict), f"an object: {text}")


def picture(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


@needs("images")
def pictures():
    content = [
        {"type": "text", "text": "[[look]] What is this?"},
        picture(PICTURE),
        picture(ADDRESS, detail="low"),
    ]
    expected = f"I see image/png of 8 bytes; {ADDRESS}."
    equal(ask(content).choices[0].message.content, expected, "what is seen")
    completion, _ = helped(user(content))
    equal(completion.choices[0].message.content, expected, "what is seen in a stream")


def thoughts_of(message):
    """The thoughts, in either of the members that servers of this dialect have for them."""
    extra = message.model_extra or {}
    return extra.get("reasoning_content") or extra.get("reasoning")


@needs("effort")
def reasoning():
    for effort in ("low", "high"):
        answer = ask("[[think]] [[say:the answer]]", reasoning_effort=effort)
        message = answer.choices[0].message
        equal(message.content, "the answer", "text without the thoughts")
        equal(bool(thoughts_of(message)), "thoughts" in SHOWN, f"thoughts of {message}")
        details = answer.usage.completion_tokens_details
        counted = bool(details and details.reasoning_tokens)
        equal(counted, "tokens" in SHOWN, f"reasoning tokens of {answer.usage}")


@needs("effort")
def reasoning_streamed():
    stream = ask("[[think]] [[say:the answer]]", reasoning_effort="low", stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    equal("".join(delta.content or "" for delta in deltas), "the answer", "text")
    thoughts = "".join(thoughts_of(delta) or "" for delta in deltas)
    equal(bool(thoughts), "thoughts" in SHOWN, f"thoughts: {thoughts!r}")


@needs("effort")
def reasoning_in_a_tool_loop():
    messages = user(f"[[think]] {CALLS}")
    more = {"model": MODEL, "tools": TOOLS, "reasoning_effort": "low"}
    first = SDK.chat.completions.create(messages=messages, **more).choices[0].message
    equal(len(first.tool_calls), 2, "calls")
    # Everything goes back as it came, whatever the gateway has added to it.
    messages.append(first.model_dump(exclude_none=True))
    for call in reversed(first.tool_calls):
        result = f"{call.function.name} says 17"
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    second = SDK.chat.completions.create(messages=messages, **more).choices[0].message
    for name in ("get_weather", "get_time"):
        true(f"{name} says 17" in second.content, f"{second.content!r} uses the result")


def instructions():
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "[[say:fine]]"},
    ]
    answer = SDK.chat.completions.create(model=MODEL, messages=messages)
    equal(answer.choices[0].message.content, "fine", "text")


@needs("names")
def names():
    """Several people in one conversation, told apart by name."""
    messages = [{"role": "user", "content": "[[say:fine]]", "name": "someone"}]
    answer = SDK.chat.completions.create(model=MODEL, messages=messages)
    equal(answer.choices[0].message.content, "fine", "text")


@needs("nudges")
def nudges():
    """What changes no meaning is taken, and where it is lost, that is said."""
    raw = SDK.chat.completions.with_raw_response.create(
        model=MODEL,
        messages=user("[[say:fine]]"),
        seed=7,
        user="u-1",
        store=False,
        prompt_cache_key="k",
    )
    equal(raw.parse().choices[0].message.content, "fine", "text")


@needs("several")
def several_answers():
    whole = ask("[[say:one two]]", n=2)
    told = [(choice.index, choice.message.content) for choice in whole.choices]
    equal(told, [(0, "one two"), (1, "one two")], "both answers")
    usage = {"include_usage": True}
    streamed, events = helped(user("[[say:one two]]"), n=2, stream_options=usage)
    told = [(choice.index, choice.message.content) for choice in streamed.choices]
    equal(told, [(0, "one two"), (1, "one two")], "both answers in a stream")
    ends = [choice.finish_reason for choice in streamed.choices]
    equal(ends, ["stop", "stop"], "finish reasons")
    for usage in (whole.usage, streamed.usage):
        equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
        true(usage.completion_tokens >= 4, f"tokens of both: {usage}")
    done = [event.content for event in events if event.type == "content.done"]
    equal(done, ["one two", "one two"], "the ends")


@needs("filter_code")
def filtered():
    try:
        answer = ask("[[filter]]")
    except openai.BadRequestError as error:
        equal(error.code, "content_filter", "code")
    else:
        equal(answer.choices[0].finish_reason, "content_filter", "finish reason")


CHECKS = [
    streaming_helper,
    streaming_helper_with_tools,
    parsed_tools,
    parsed_answer,
    parsed_stream,
    json_object,
    pictures,
    reasoning,
    reasoning_streamed,
    reasoning_in_a_tool_loop,
    instructions,
    names,
    nudges,
    several_answers,
    filtered,
]
run(CHECKS, REFUSED)
