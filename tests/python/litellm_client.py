"""One model through LiteLLM as a client, in both dialects: litellm_client.py BASE MODEL REFUSED SHOWN"""

import json
import os
import sys

# Its prices are of no interest here, and nothing is fetched from outside.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from checks import equal, listed, needs, run, status_of, true

BASE, MODEL = sys.argv[1:3]
REFUSED = listed(sys.argv[3])
DOORS = {"openai": f"{BASE}/v1", "anthropic": BASE}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"By {field}",
            "parameters": {
                "type": "object",
                "properties": {field: {"type": "string"}},
                "required": [field],
            },
        },
    }
    for name, field in (("get_weather", "city"), ("get_time", "zone"))
]
CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "UTC"}]]'


def ask(door, messages, **more):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return litellm.completion(
        model=f"{door}/{MODEL}",
        api_base=DOORS[door],
        api_key="unused",
        messages=messages,
        num_retries=0,
        max_retries=0,
        max_tokens=3000,
        timeout=30,
        **more,
    )


def checks_through(door):
    """All checks through one door; what they need has the door's name before it."""
    side = "messages" if door == "anthropic" else "chat"

    def unary():
        answer = ask(door, "[[say:fine]]")
        equal(answer.choices[0].message.content, "fine", "text")
        equal(answer.choices[0].finish_reason, "stop", "finish reason")
        total = answer.usage.prompt_tokens + answer.usage.completion_tokens
        equal(answer.usage.total_tokens, total, "total")

    def stream():
        chunks = list(ask(door, "[[events:30]]", stream=True))
        deltas = (chunk.choices[0].delta.content for chunk in chunks if chunk.choices)
        said = "".join(delta or "" for delta in deltas)
        equal(said, "".join(f"word{n} " for n in range(1, 31)), "text")

    def tools():
        messages = [{"role": "user", "content": CALLS}]
        first = ask(door, messages, tools=TOOLS).choices[0].message
        functions = [call.function for call in first.tool_calls]
        found = [(each.name, json.loads(each.arguments)) for each in functions]
        expected = [("get_weather", {"city": "Oslo"}), ("get_time", {"zone": "UTC"})]
        equal(found, expected, "calls")
        messages.append(first.model_dump(exclude_none=True))
        for call in first.tool_calls:
            result = f"{call.function.name} says 17"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        second = ask(door, messages, tools=TOOLS).choices[0].message
        true("get_weather says 17" in second.content, f"{second.content!r}")

    @needs(f"{side}/images")
    def pictures():
        content = [
            {"type": "text", "text": "[[look]]"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ]
        answer = ask(door, [{"role": "user", "content": content}])
        seen = "I see image/png of 8 bytes."
        equal(answer.choices[0].message.content, seen, "what is seen")

    def errors():
        for fault, exception, status in (
            ("429", litellm.RateLimitError, 429),
            ("400", litellm.BadRequestError, 400),
        ):
            try:
                ask(door, f"[[fault:*:{fault}]]")
            except exception as error:
                equal(status_of(error), status, "status")
            else:
                raise AssertionError(f"{exception.__name__} expected, nothing raised")

    checks = [unary, stream, tools, pictures, errors]
    for check in checks:
        check.__name__ += f" through {door}"
    return checks


run([check for door in DOORS for check in checks_through(door)], REFUSED)
