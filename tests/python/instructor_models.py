"""One model through Instructor: instructor_models.py BASE MODEL REFUSED SHOWN"""

import sys

import instructor
import pydantic

from checks import client, listed, needs, run, true

BASE, MODEL = sys.argv[1:3]
REFUSED = listed(sys.argv[3])


class Stop(pydantic.BaseModel):
    name: str
    minutes: int


class Journey(pydantic.BaseModel):
    """A journey."""

    city: str
    stops: list[Stop]


def create(mode, **more):
    sdk = instructor.from_openai(client(BASE), mode=mode)
    asked = "Which journey? Answer as JSON."
    found = sdk.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": asked}],
        response_model=Journey,
        max_retries=1,
        **more,
    )
    true(isinstance(found, Journey) and found.stops[0].minutes > 0, f"parsed: {found!r}")
    return found


def by_tool():
    create(instructor.Mode.TOOLS)


def by_strict_tool():
    create(instructor.Mode.TOOLS_STRICT)


@needs("json_object")
def by_json():
    create(instructor.Mode.JSON)


@needs("structured")
def by_schema():
    create(instructor.Mode.JSON_SCHEMA)


def partly_by_tool():
    sdk = instructor.from_openai(client(BASE), mode=instructor.Mode.TOOLS)
    parts = sdk.chat.completions.create_partial(
        model=MODEL,
        messages=[{"role": "user", "content": "Which journey?"}],
        response_model=Journey,
        max_retries=1,
    )
    last = list(parts)[-1]
    true(last.stops and last.stops[0].minutes > 0, f"the last part is whole: {last!r}")


run([by_tool, by_strict_tool, by_json, by_schema, partly_by_tool], REFUSED)
