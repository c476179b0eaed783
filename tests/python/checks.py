"""What the SDK scripts share: running every check, showing every failure."""

import sys
import traceback

import anthropic
import openai


def client(base, key="unused"):
    """An SDK client that retries nothing, so that what is seen happened once."""
    return openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, timeout=30)


def anthropic_client(base, key="unused"):
    """The same of Anthropic's SDK."""
    return anthropic.Anthropic(base_url=base, api_key=key, max_retries=0, timeout=30)


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def raises(exception, call):
    """The exception that a call raises; exactly this class, no subclass."""
    try:
        call()
    except (openai.APIError, anthropic.APIError) as error:
        equal(type(error).__name__, exception.__name__, f"exception ({error})")
        return error
    raise AssertionError(f"{exception.__name__} expected, nothing raised")


def run(checks):
    """Runs all checks; the process fails when one of them does."""
    failures = 0
    for check in checks:
        try:
            check()
            print(f"ok {check.__name__}")
        except Exception:
            failures += 1
            print(f"FAILED {check.__name__}")
            traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failures else 0)
