"""Legacy completions and embeddings with the official SDK: legacy.py BASE CHAT_MODEL VECTOR_MODEL"""

import sys

import openai

from checks import client, equal, raises, run, true

BASE, CHAT, VECTORS = sys.argv[1:4]
SDK = client(BASE)


def completion():
    answer = SDK.completions.create(model=CHAT, prompt="[[say:one two]]", max_tokens=50)
    equal(answer.object, "text_completion", "object")
    equal(answer.choices[0].text, "one two", "text")
    equal(answer.choices[0].finish_reason, "stop", "finish reason")
    usage = answer.usage
    equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens, "total")


def streamed_completion():
    options = {"include_usage": True}
    chunks = list(
        SDK.completions.create(
            model=CHAT, prompt="[[say:one two]]", max_tokens=50, stream=True, stream_options=options
        )
    )
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    equal(text, "one two", "text")
    equal({chunk.object for chunk in chunks}, {"text_completion"}, "objects")
    true(chunks[-1].usage.total_tokens > 0, "usage in the last chunk")


def refused_completion():
    error = raises(
        openai.BadRequestError,
        lambda: SDK.completions.create(model=CHAT, prompt="a", suffix="b"),
    )
    equal(error.param, "suffix", "param")
    equal(error.code, "unsupported_parameter", "code")


def embeddings():
    # Without a word about the form the SDK asks for base64 and decodes it.
    usual = SDK.embeddings.create(model=VECTORS, input=["the cat", "a dog"])
    plain = SDK.embeddings.create(
        model=VECTORS, input=["the cat", "a dog"], encoding_format="float"
    )
    equal([one.index for one in usual.data], [0, 1], "order")
    for one, other in zip(usual.data, plain.data):
        equal(len(one.embedding), len(other.embedding), "length")
        far = max(abs(a - b) for a, b in zip(one.embedding, other.embedding))
        true(far < 1e-6, f"the same vector either way ({far})")
    true(usual.data[0].embedding != usual.data[1].embedding, "different texts, different vectors")
    equal(usual.usage.prompt_tokens, usual.usage.total_tokens, "usage")


def refused_embeddings():
    error = raises(
        openai.BadRequestError, lambda: SDK.embeddings.create(model=CHAT, input="the cat")
    )
    equal(error.code, "unsupported_feature", "code")
    error = raises(openai.BadRequestError, lambda: SDK.embeddings.create(model=VECTORS, input=""))
    equal(error.param, "input[0]", "param")
    raises(openai.NotFoundError, lambda: SDK.embeddings.create(model="nobody", input="a"))


run([completion, streamed_completion, refused_completion, embeddings, refused_embeddings])
