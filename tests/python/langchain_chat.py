"""One model through LangChain: langchain_chat.py BASE MODEL REFUSED SHOWN"""

import sys

import pydantic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from checks import equal, listed, needs, run, true

BASE, MODEL = sys.argv[1:3]
REFUSED = listed(sys.argv[3])


def model(**more):
    return ChatOpenAI(
        model=MODEL, base_url=f"{BASE}/v1", api_key="unused", max_retries=0, timeout=30, **more
    )


class Journey(pydantic.BaseModel):
    """A journey."""

    city: str = pydantic.Field(description="where to")
    minutes: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


@tool
def get_time(zone: str) -> str:
    """The time of a zone."""
    return f"noon in {zone}"


TOOLS = {"get_weather": get_weather, "get_time": get_time}
CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "UTC"}]]'


def invoke():
    answer = model().invoke([SystemMessage("Be brief."), HumanMessage("[[say:fine]]")])
    equal(answer.content, "fine", "text")
    usage = answer.usage_metadata
    equal(usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"], "total")


def stream():
    whole = None
    for chunk in model(stream_usage=True).stream("[[events:30]]"):
        whole = chunk if whole is None else whole + chunk
    equal(whole.content, "".join(f"word{n} " for n in range(1, 31)), "text")
    equal(whole.response_metadata["finish_reason"], "stop", "finish reason")
    true(whole.usage_metadata["output_tokens"] > 0, f"usage: {whole.usage_metadata}")


def tools():
    bound = model().bind_tools(list(TOOLS.values()))
    messages = [HumanMessage(CALLS)]
    first = bound.invoke(messages)
    expected = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "UTC"})]
    equal([(call["name"], call["args"]) for call in first.tool_calls], expected, "calls")
    messages.append(first)
    for call in first.tool_calls:
        result = TOOLS[call["name"]].invoke(call["args"])
        messages.append(ToolMessage(result, tool_call_id=call["id"]))
    second = bound.invoke(messages)
    for result in ("rain in Oslo", "noon in UTC"):
        true(result in second.content, f"{second.content!r} uses the result")


def streamed_tools():
    bound = model().bind_tools(list(TOOLS.values()))
    whole = None
    for chunk in bound.stream(CALLS):
        whole = chunk if whole is None else whole + chunk
    expected = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "UTC"})]
    equal([(call["name"], call["args"]) for call in whole.tool_calls], expected, "calls")


def journey(found):
    true(isinstance(found, Journey) and found.minutes > 0, f"parsed: {found!r}")


def structured_by_function():
    asked = "Which journey? [[tool:Journey {\"city\": \"Oslo\", \"minutes\": 17}]]"
    found = model().with_structured_output(Journey, method="function_calling").invoke(asked)
    equal(found, Journey(city="Oslo", minutes=17), "parsed")


@needs("structured")
def structured_by_schema():
    structured = model().with_structured_output(Journey, method="json_schema")
    journey(structured.invoke("Which journey? Answer as JSON."))


@needs("structured")
def structured_stream():
    structured = model().with_structured_output(Journey, method="json_schema")
    journey(list(structured.stream("Which journey? Answer as JSON."))[-1])


@needs("images")
def pictures():
    content = [
        {"type": "text", "text": "[[look]]"},
        {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
        {"type": "image", "url": "https://pictures.test/a.png"},
    ]
    expected = "I see image/png of 8 bytes; https://pictures.test/a.png."
    equal(model().invoke([HumanMessage(content)]).content, expected, "what is seen")


def errors():
    import openai

    try:
        model().invoke("[[fault:*:429,retry_after=7]]")
    except openai.RateLimitError as error:
        equal(error.response.headers["retry-after"], "7", "retry-after")
    else:
        raise AssertionError("RateLimitError expected, nothing raised")


CHECKS = [
    invoke,
    stream,
    tools,
    streamed_tools,
    structured_by_function,
    structured_by_schema,
    structured_stream,
    pictures,
    errors,
]
run(CHECKS, REFUSED)
