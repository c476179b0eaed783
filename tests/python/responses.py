"""What a client of OpenAI's Responses API does with one model: responses.py BASE MODEL REFUSED SHOWN

REFUSED lists the capabilities that are expected to be refused, SHOWN what the provider shows of
its reasoning: `thoughts`, `tokens`; `-` is none.
"""

import json
import sys

import openai
import pydantic

from checks import client, equal, listed, needs, raises, run, true

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
    city: str
    line: str | None
    stops: list[Stop]


class get_weather(pydantic.BaseModel):
    city: str


class get_time(pydantic.BaseModel):
    zone: str


def tool(name, field):
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    schema["additionalProperties"] = False
    return {"type": "function", "name": name, "description": f"By {field}", "parameters": schema}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]
CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "Europe/Oslo"}]]'
EXPECTED = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "Europe/Oslo"})]


def ask(content, **more):
    return SDK.responses.create(model=MODEL, input=content, **more)


def helped(content, **more):
    """The response that the SDK's helper builds of a stream, and the helper's events."""
    with SDK.responses.stream(model=MODEL, input=content, **more) as stream:
        events = list(stream)
        return stream.get_final_response(), events


def both(content, **more):
    """The response, whole and as the SDK builds it of a stream."""
    return ask(content, **more), helped(content, **more)[0]


def calls_of(response):
    calls = [item for item in response.output if item.type == "function_call"]
    return [(call.name, json.loads(call.arguments)) for call in calls]


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def created():
    response = ask(f"[[say:{TEXT}]]", instructions="Be brief.", metadata={"a": "b"})
    equal(response.output_text, TEXT, "text")
    equal((response.object, response.status), ("response", "completed"), "object and status")
    equal((response.error, response.incomplete_details), (None, None), "nothing went wrong")
    equal((response.instructions, response.metadata), ("Be brief.", {"a": "b"}), "the echo")
    true(response.id.startswith("resp_"), f"id: {response.id}")
    usage = response.usage
    equal(usage.total_tokens, usage.input_tokens + usage.output_tokens, "total of the usage")


def streamed():
    response, events = helped(f"[[say:{TEXT}]]")
    equal(response.output_text, TEXT, "text")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    equal("".join(deltas), TEXT, "text of the deltas")
    raw = list(ask(f"[[say:{TEXT}]]", stream=True))
    equal([event.sequence_number for event in raw], list(range(len(raw))), "numbers of events")
    kinds = [event.type for event in raw]
    equal(kinds[:2], ["response.created", "response.in_progress"], "the beginning")
    equal(kinds[-1], "response.completed", "the end")
    true(raw[-1].response.model_extra["steelyard"]["cost_usd"], "the cost in the last response")
    unary = ask(f"[[say:{TEXT}]]").usage
    equal(raw[-1].response.usage.input_tokens, unary.input_tokens, "prompt, as in the whole answer")


def cut_off():
    # The SDK's helper knows complete responses only.
    whole = ask("Explain everything.", max_output_tokens=20)
    last = list(ask("Explain everything.", max_output_tokens=20, stream=True))[-1]
    equal(last.type, "response.incomplete", "the end")
    for response in (whole, last.response):
        equal(response.status, "incomplete", "status")
        equal(response.incomplete_details.reason, "max_output_tokens", "reason")


@needs("structured")
def parsed():
    asked = "Which journey? Answer as JSON."
    response = SDK.responses.parse(model=MODEL, input=asked, text_format=Journey)
    true(isinstance(response.output_parsed, Journey), f"parsed: {response}")
    equal(json.loads(response.output_text), response.output_parsed.model_dump(), "text")
    response, _ = helped(asked, text_format=Journey)
    true(isinstance(response.output_parsed, Journey), f"parsed of a stream: {response}")


def parsed_tools():
    tools = [openai.pydantic_function_tool(model) for model in (get_weather, get_time)]
    tools = [{"type": "function"} | one["function"] for one in tools]
    response = SDK.responses.parse(model=MODEL, input=CALLS, tools=tools)
    equal(calls_of(response), EXPECTED, "calls")


def tool_loop():
    for first in both(CALLS, tools=TOOLS):
        equal(calls_of(first), EXPECTED, "calls")
        # Everything goes back as it came, whatever the gateway has added to it.
        history = [{"role": "user", "content": CALLS}, *first.output]
        for call in first.output:
            if call.type == "function_call":
                result = {"type": "function_call_output", "call_id": call.call_id}
                history.append(result | {"output": f"{call.name} says 17"})
        for second in both(history, tools=TOOLS):
            for name in ("get_weather", "get_time"):
                true(f"{name} says 17" in second.output_text, f"{second.output_text!r}")


@needs("effort")
def thoughts_return():
    more = {"reasoning": {"effort": "low", "summary": "auto"}, "tools": TOOLS}
    more |= {"store": False, "include": ["reasoning.encrypted_content"]}
    asked = f"[[think]] {CALLS}"
    for first in both(asked, **more):
        thoughts = [item for item in first.output if item.type == "reasoning"]
        shown = any(item.summary for item in thoughts)
        equal(shown, "thoughts" in SHOWN, f"thoughts of {first}")
        counted = first.usage.output_tokens_details.reasoning_tokens > 0
        equal(counted, "tokens" in SHOWN, f"reasoning tokens of {first.usage}")
        history = [{"role": "user", "content": asked}, *first.output]
        for call in first.output:
            if call.type == "function_call":
                result = {"type": "function_call_output", "call_id": call.call_id}
                history.append(result | {"output": f"{call.name} says 17"})
        second = ask(history, **more)
        true("get_time says 17" in second.output_text, f"{second.output_text!r}")


@needs("images")
def pictures():
    content = user(
        {"type": "input_text", "text": "[[look]] What is this?"},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
        {"type": "input_image", "image_url": ADDRESS, "detail": "auto"},
    )
    for response in both(content):
        equal(response.output_text, f"I see image/png of 8 bytes; {ADDRESS}.", "what is seen")


def conversation():
    history = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": [{"type": "input_text", "text": "[[say:fine]]"}]},
    ]
    for response in both(history):
        equal(response.output_text, "fine", "text")
    history += [*response.output, {"role": "user", "content": "[[say:again]]"}]
    equal(ask(history).output_text, "again", "text of the next turn")


def nothing_is_stored():
    for more in ({"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
        for stream in (False, True):
            error = raises(openai.BadRequestError, lambda: ask("hi", stream=stream, **more))
            equal(error.param, next(iter(more)), "param")
            true("send the whole history" in error.message, f"what to do: {error.message}")
    raises(openai.BadRequestError, lambda: ask("hi", background=True))
    raises(openai.NotFoundError, lambda: SDK.responses.retrieve("resp_1"))


def wrong_requests():
    for wrong, param in (
        ([{"role": "user", "content": 7}], "input[0].content"),
        ([{"role": "wizard", "content": "x"}], "input[0].role"),
        ([{"type": "function_call", "name": "f", "arguments": "{}"}], "input[0].call_id"),
    ):
        error = raises(openai.BadRequestError, lambda: ask(wrong))
        equal((error.param, error.type), (param, "invalid_request_error"), "param and type")


def providers_errors():
    for stream in (False, True):
        for fault, exception in (
            ("429,retry_after=7", openai.RateLimitError),
            ("500", openai.InternalServerError),
            ("400,message=no such thing", openai.BadRequestError),
        ):
            raises(exception, lambda: ask(f"[[fault:*:{fault}]]", stream=stream))


def broken_streams():
    for fault in ("error_event=3", "malformed=3", "end_without_finish"):
        stream = ask(f"[[events:8]] [[fault:*:{fault}]]", stream=True)
        seen = []
        error = raises(openai.APIError, lambda: seen.extend(iter(stream)))
        true("not complete" in str(error), f"{fault}: {error}")
        true(not any(event.type == "response.completed" for event in seen), f"{fault}: no end")


CHECKS = [
    created,
    streamed,
    cut_off,
    parsed,
    parsed_tools,
    tool_loop,
    thoughts_return,
    pictures,
    conversation,
    nothing_is_stored,
    wrong_requests,
    providers_errors,
    broken_streams,
]
run(CHECKS, REFUSED)
