"""What a whole client of Anthropic's SDK does with one model: messages_full.py BASE MODEL REFUSED SHOWN

REFUSED lists the capabilities that are expected to be refused, SHOWN what the provider shows of
its reasoning: `thoughts`, `tokens`; `-` is none.
"""

import sys

import anthropic
import pydantic

from checks import anthropic_client, equal, listed, needs, run, true

BASE, MODEL = sys.argv[1:3]
REFUSED, SHOWN = map(listed, sys.argv[3:5])
SDK = anthropic_client(BASE)
DATA = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
ADDRESS = "https://pictures.test/a.png"
CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "Europe/Oslo"}]]'
THINKING = {"type": "enabled", "budget_tokens": 1024}


class Stop(pydantic.BaseModel):
    name: str
    minutes: int = pydantic.Field(ge=0)


class Journey(pydantic.BaseModel):
    city: str
    stops: list[Stop]


def tool(name, field):
    schema = {"type": "object", "properties": {field: {"type": "string"}}, "required": [field]}
    return {"name": name, "description": f"By {field}", "input_schema": schema}


TOOLS = [tool("get_weather", "city"), tool("get_time", "zone")]


def request(content, **more):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return {"model": MODEL, "max_tokens": 3000, "messages": messages} | more


def ask(content, **more):
    return SDK.messages.create(**request(content, **more))


def streamed(content, **more):
    with SDK.messages.stream(**request(content, **more)) as stream:
        return stream.get_final_message()


def both(content, **more):
    """The answer, whole and as the SDK builds it of a stream."""
    return ask(content, **more), streamed(content, **more)


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def user(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def picture(source):
    return {"type": "image", "source": source}


@needs("images")
def pictures():
    content = user(
        picture(DATA),
        picture({"type": "url", "url": ADDRESS}),
        {"type": "text", "text": "[[look]] What is this?"},
    )
    for message in both(content):
        equal(text_of(message), f"I see image/png of 8 bytes; {ADDRESS}.", "what is seen")


def results_of(message, content, **more):
    blocks = [block for block in message.content if block.type == "tool_use"]
    result = {"type": "tool_result", "content": content, **more}
    return [result | {"tool_use_id": block.id} for block in blocks]


@needs("result_images")
def pictures_in_results():
    asked = '[[look]] [[tool:get_weather {"city": "Oslo"}]]'
    first = ask(asked, tools=TOOLS)
    results = results_of(first, [{"type": "text", "text": "a map"}, picture(DATA)])
    history = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [*results, {"type": "text", "text": "[[look]] Well?"}]},
    ]
    for message in both(history, tools=TOOLS):
        equal(text_of(message), "I see image/png of 8 bytes.", "what is seen")


def failed_results():
    first = ask(CALLS, tools=TOOLS)
    results = results_of(first, "no such city", is_error=True)
    equal(len(results), 2, "calls")
    history = [
        {"role": "user", "content": CALLS},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    for message in both(history, tools=TOOLS):
        true("no such city" in text_of(message), f"{text_of(message)!r} uses the result")


@needs("structured")
def parsed_answer():
    body = request("Which journey? Answer as JSON.")
    message = SDK.messages.parse(**body, output_format=Journey)
    true(isinstance(message.parsed_output, Journey), f"parsed: {message}")
    equal(message.stop_reason, "end_turn", "stop reason")
    # Some models think unasked; what made the answer fit must not show.
    equal({block.type for block in message.content} - {"thinking"}, {"text"}, "blocks")


@needs("structured")
def parsed_stream():
    with SDK.messages.stream(
        **request("Which journey? Answer as JSON."), output_format=Journey
    ) as stream:
        message = stream.get_final_message()
    true(isinstance(message.parsed_output, Journey), f"parsed: {message}")


def thoughts_of(message):
    blocks = [block for block in message.content if block.type == "thinking"]
    return "".join(block.thinking for block in blocks)


@needs("effort")
def thinking():
    for message in both("[[think]] [[say:the answer]]", thinking=THINKING):
        equal(text_of(message), "the answer", "text without the thoughts")
        equal(bool(thoughts_of(message)), "thoughts" in SHOWN, f"thoughts of {message}")
        details = message.usage.output_tokens_details
        counted = bool(details and details.thinking_tokens)
        equal(counted, "tokens" in SHOWN, f"thinking tokens of {message.usage}")


@needs("effort")
def thinking_in_a_tool_loop():
    for marker in ("[[think]]", "[[redact]]"):
        asked = f"{marker} {CALLS}"
        for first in both(asked, tools=TOOLS, thinking=THINKING):
            # The SDK's own objects go back, signatures and all.
            history = [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": first.content},
                {"role": "user", "content": results_of(first, "17")},
            ]
            second = ask(history, tools=TOOLS, thinking=THINKING)
            true("17" in text_of(second), f"{text_of(second)!r} uses the result")


def tool_runner():
    """The SDK's own loop, which asks the server to keep the conversation, and sends the whole of it
    where the server says that it does not."""
    asked = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return f"rain in {city}"

    content = '[[tool:get_weather {"city": "Oslo"}]]'
    runner = SDK.beta.messages.tool_runner(
        tools=[get_weather], **request(content, max_tokens=500)
    )
    last = runner.until_done()
    equal(asked, ["Oslo"], "calls of the function")
    true("rain in Oslo" in text_of(last), f"{text_of(last)!r} uses the result")


@needs("nudges")
def nudges():
    """What changes no meaning is taken."""
    cached = {"type": "text", "text": "[[say:fine]]", "cache_control": {"type": "ephemeral"}}
    more = {"metadata": {"user_id": "u-1"}, "service_tier": "auto"}
    for message in both(user(cached), **more):
        equal(text_of(message), "fine", "text")


CHECKS = [
    pictures,
    pictures_in_results,
    failed_results,
    parsed_answer,
    parsed_stream,
    thinking,
    thinking_in_a_tool_loop,
    tool_runner,
    nudges,
]
run(CHECKS, REFUSED)
