"""What the SDK scripts share: running every check, showing every failure."""

import sys
import traceback


def client(base, key="unused"):
    """An SDK client that retries nothing, so that what is seen happened once."""
    import openai

    return openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, timeout=30)


def anthropic_client(base, key="unused"):
    """The same of Anthropic's SDK."""
    import anthropic

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
    except Exception as error:
        equal(type(error).__name__, exception.__name__, f"exception ({error})")
        return error
    raise AssertionError(f"{exception.__name__} expected, nothing raised")


def needs(*capabilities):
    """Marks a check with what the gateway must be able to carry for it."""

    def mark(check):
        check.needs = set(capabilities)
        return check

    return mark


def status_of(error):
    """The HTTP status that an exception stands for, whatever it is wrapped in."""
    while error is not None:
        if isinstance(getattr(error, "status_code", None), int):
            return error.status_code
        error = error.__cause__ or error.__context__
    return None


def passes(check, refused):
    """Whether a check passes, or is refused where that is expected: a request that is expected to
    be refused and is not, is a failure too."""
    unmet = getattr(check, "needs", set()) & refused.keys()
    wrong = any(refused[name] for name in unmet)
    try:
        check()
    except Exception as error:
        if unmet and (wrong or status_of(error) in (400, 404)):
            print(f"refused as expected: {check.__name__} ({', '.join(sorted(unmet))})")
            return True
        print(f"FAILED {check.__name__}")
        traceback.print_exc(file=sys.stdout)
        return False
    if unmet:
        print(f"FAILED {check.__name__}: {', '.join(sorted(unmet))} is carried now")
        return False
    print(f"ok {check.__name__}")
    return True


def run(checks, refused=()):
    """Runs all checks; the process fails when one of them does. What is expected to be refused, or
    with `!` behind it to go wrong otherwise, is listed by its capability."""
    expected = {name.removesuffix("!"): name.endswith("!") for name in refused}
    results = [passes(check, expected) for check in checks]
    sys.exit(0 if all(results) else 1)


def listed(text):
    """The words of an argument such as `images,structured`; `-` is none."""
    return set() if text == "-" else set(text.split(","))
