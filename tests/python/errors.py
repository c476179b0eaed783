"""Errors as the official SDK's exceptions: errors.py BASE KEY NARROW_KEY LIMITED_KEY

NARROW_KEY may use `auto` only and no model by name; LIMITED_KEY has one request a minute.
"""

import sys

import openai

from checks import client, equal, raises, run, true

BASE, KEY, NARROW_KEY, LIMITED_KEY = sys.argv[1:5]
SDK = client(BASE, KEY)


def ask(text="hello", sdk=SDK, model="auto", **more):
    messages = [{"role": "user", "content": text}]
    return sdk.chat.completions.create(model=model, messages=messages, **more)


def unknown_model():
    for name in ("no-such-model", "openai-chep", "🦊"):
        error = raises(openai.NotFoundError, lambda: ask(model=name))
        equal(error.code, "model_not_found", "code")
        equal(error.param, "model", "param")
        true(error.request_id, "request id")
    error = raises(openai.NotFoundError, lambda: ask(model="openai-chep"))
    true("openai-cheap" in error.message, f"a suggestion: {error.message}")
    raises(openai.NotFoundError, lambda: SDK.models.retrieve("no-such-model"))


def bad_requests():
    wrong = [
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": "hello"},
        {"temperature": "hot"},
        {"model": ""},
    ]
    for more in wrong:
        body = {"model": "auto", "messages": [{"role": "user", "content": "x"}], **more}
        error = raises(openai.BadRequestError, lambda: SDK.chat.completions.create(**body))
        equal(error.type, "invalid_request_error", "type")
    error = raises(openai.BadRequestError, lambda: ask("[[fault:*:400,message=no such thing]]"))
    true("no such thing" in error.message, f"the provider's own words: {error.message}")


def wrong_key():
    for key in ("wrong", "sk-steelyard-0000"):
        error = raises(openai.AuthenticationError, lambda: ask(sdk=client(BASE, key)))
        equal(error.code, "invalid_api_key", "code")
        true(key not in error.message, "the key is not repeated")
        raises(openai.AuthenticationError, lambda: client(BASE, key).models.list())


def forbidden():
    narrow = client(BASE, NARROW_KEY)
    equal(ask("[[say:yes]]", sdk=narrow).choices[0].message.content, "yes", "the allowed route")
    for model in ("openai-ladder", "openai-cheap"):
        raises(openai.PermissionDeniedError, lambda: ask(sdk=narrow, model=model))
    equal([model.id for model in narrow.models.list()], ["auto"], "what the key may use")


def limited():
    sdk = client(BASE, LIMITED_KEY)
    ask(sdk=sdk)
    error = raises(openai.RateLimitError, lambda: ask(sdk=sdk))
    equal(error.code, "rate_limit_exceeded", "code")
    true(1 <= int(error.response.headers["retry-after"]) <= 60, "retry-after")


def providers_rate_limit():
    error = raises(openai.RateLimitError, lambda: ask("[[fault:*:429,retry_after=7]]"))
    equal(error.response.headers["retry-after"], "7", "retry-after")


def providers_fail():
    for fault, status in (("500", 502), ("503", 503), ("529", 503), ("502,html", 502)):
        for stream in (False, True):
            error = raises(
                openai.InternalServerError, lambda: ask(f"[[fault:*:{fault}]]", stream=stream)
            )
            equal(error.status_code, status, f"status after {fault}")
            equal(error.type, "server_error", "type")


def providers_refuse_the_gateway():
    error = raises(openai.InternalServerError, lambda: ask("[[fault:*:401]]"))
    equal(error.status_code, 502, "a provider's 401 is not the client's")


def unprocessable():
    raises(openai.UnprocessableEntityError, lambda: ask("[[fault:*:422]]"))


def too_large():
    error = raises(openai.APIStatusError, lambda: ask("x" * 200_000))
    equal(error.status_code, 413, "status")


def broken_stream():
    for fault in ("cut=3000", "error_event=3", "malformed=3"):
        chunks = []

        def read():
            for chunk in ask(f"[[events:80]] [[fault:*:{fault}]]", stream=True):
                chunks.append(chunk)

        error = raises(openai.APIError, read)
        true("not complete" in error.message, error.message)
        true(chunks, f"what came before {fault} was delivered")
        reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
        true(not any(reasons), f"no finish reason: {reasons}")


def models():
    listed = {model.id: model for model in SDK.models.list()}
    for name in ("auto", "openai-ladder", "openai-cheap", "compatible-dear"):
        equal(listed[name].object, "model", name)
    equal(SDK.models.retrieve("auto").id, "auto", "one model")


def unknown_path():
    raises(openai.NotFoundError, lambda: SDK.moderations.create(model="auto", input="x"))


run(
    [
        unknown_model,
        bad_requests,
        wrong_key,
        forbidden,
        limited,
        providers_rate_limit,
        providers_fail,
        providers_refuse_the_gateway,
        unprocessable,
        too_large,
        broken_stream,
        models,
        unknown_path,
    ]
)
