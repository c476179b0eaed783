"""Errors as the exceptions of Anthropic's SDK: messages_errors.py BASE KEY NARROW_KEY LIMITED_KEY

NARROW_KEY may use `auto` only and no model by name; LIMITED_KEY has one request a minute.
"""

import sys

import anthropic

from checks import anthropic_client as client
from checks import equal, raises, run, true

BASE, KEY, NARROW_KEY, LIMITED_KEY = sys.argv[1:5]
SDK = client(BASE, KEY)


def ask(text="hello", sdk=SDK, model="auto", **more):
    messages = [{"role": "user", "content": text}]
    return sdk.messages.create(model=model, max_tokens=500, messages=messages, **more)


def type_of(error):
    true(error.request_id, "request id")
    equal(error.body["type"], "error", "type of the body")
    equal(error.body["request_id"], error.request_id, "request id of the body")
    return error.body["error"]["type"]


def unknown_model():
    for name in ("no-such-model", "openai-chep", "🦊"):
        error = raises(anthropic.NotFoundError, lambda: ask(model=name))
        equal(type_of(error), "not_found_error", "type")
    raises(anthropic.NotFoundError, lambda: SDK.models.retrieve("no-such-model"))


def bad_requests():
    wrong = [
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": "hello"},
        {"temperature": "hot"},
        {"max_tokens": None},
    ]
    for more in wrong:
        body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5} | more
        error = raises(
            anthropic.BadRequestError,
            lambda: SDK.post("/v1/messages", body={"model": "auto"} | body, cast_to=object),
        )
        equal(type_of(error), "invalid_request_error", "type")
    error = raises(anthropic.BadRequestError, lambda: ask("[[fault:*:400,message=no such thing]]"))
    true("no such thing" in error.message, f"the provider's own words: {error.message}")


def wrong_key():
    for key in ("wrong", "sk-steelyard-0000"):
        error = raises(anthropic.AuthenticationError, lambda: ask(sdk=client(BASE, key)))
        equal(type_of(error), "authentication_error", "type")
        true(key not in error.message, "the key is not repeated")
        raises(anthropic.AuthenticationError, lambda: client(BASE, key).models.list())


def either_header():
    bearer = anthropic.Anthropic(base_url=BASE, api_key=None, auth_token=KEY, max_retries=0)
    equal(ask("[[say:yes]]", sdk=bearer).content[0].text, "yes", "a bearer token")


def forbidden():
    narrow = client(BASE, NARROW_KEY)
    equal(ask("[[say:yes]]", sdk=narrow).content[0].text, "yes", "the allowed route")
    for model in ("openai-ladder", "openai-cheap"):
        error = raises(anthropic.PermissionDeniedError, lambda: ask(sdk=narrow, model=model))
        equal(type_of(error), "permission_error", "type")
    equal([model.id for model in narrow.models.list()], ["auto"], "what the key may use")


def limited():
    sdk = client(BASE, LIMITED_KEY)
    ask(sdk=sdk)
    error = raises(anthropic.RateLimitError, lambda: ask(sdk=sdk))
    equal(type_of(error), "rate_limit_error", "type")
    true(1 <= int(error.response.headers["retry-after"]) <= 60, "retry-after")


def providers_rate_limit():
    error = raises(anthropic.RateLimitError, lambda: ask("[[fault:*:429,retry_after=7]]"))
    equal(error.response.headers["retry-after"], "7", "retry-after")


def providers_fail():
    for fault in ("500", "502,html", "401"):
        for stream in (False, True):
            error = raises(
                anthropic.InternalServerError, lambda: ask(f"[[fault:*:{fault}]]", stream=stream)
            )
            equal((error.status_code, type_of(error)), (500, "api_error"), f"after {fault}")


def overload():
    for fault in ("503", "529"):
        error = raises(anthropic.OverloadedError, lambda: ask(f"[[fault:*:{fault}]]"))
        equal((error.status_code, type_of(error)), (529, "overloaded_error"), f"after {fault}")


def too_large():
    error = raises(anthropic.ContentTooLargeError, lambda: ask("x" * 300_000))
    equal((error.status_code, type_of(error)), (413, "request_too_large"), "status")


def broken_stream():
    for model in ("openai-ladder", "anthropic-ladder", "gemini-ladder"):
        for fault in ("cut=3000", "error_event=3", "malformed=3"):
            events = []

            def read():
                with SDK.messages.stream(
                    model=model,
                    max_tokens=500,
                    messages=[{"role": "user", "content": f"[[events:80]] [[fault:*:{fault}]]"}],
                ) as stream:
                    events.extend(stream)

            error = raises(anthropic.APIStatusError, read)
            true("not complete" in error.message, error.message)
            true(events, f"what came before {fault} was delivered")
            kinds = {event.type for event in events}
            true(not kinds & {"message_delta", "message_stop"}, f"no end: {kinds}")


def models():
    listed = {model.id: model for model in SDK.models.list()}
    for name in ("auto", "openai-ladder", "openai-cheap", "compatible-dear"):
        equal((listed[name].type, listed[name].display_name), ("model", name), name)
        true(listed[name].created_at.year > 2000, "date")
    equal(SDK.models.retrieve("auto").id, "auto", "one model")


def unknown_path():
    error = raises(anthropic.NotFoundError, lambda: SDK.get("/v1/no-such-path", cast_to=object))
    equal(type_of(error), "not_found_error", "type")


run(
    [
        unknown_model,
        bad_requests,
        wrong_key,
        either_header,
        forbidden,
        limited,
        providers_rate_limit,
        providers_fail,
        overload,
        too_large,
        broken_stream,
        models,
        unknown_path,
    ]
)
