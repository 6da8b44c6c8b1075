"""JSON that comes in pieces: what is made of it, and that nobody has to wait for that."""

import json
from itertools import batched
from typing import cast

import orjson
import pytest

from custom_components.litellm_pulse.spend_logs import json_body
from custom_components.litellm_pulse.spend_logs.json_body import JsonBody


def _made(body: bytes) -> object:
    """Return what an answer says that comes in pieces."""
    answer = JsonBody()
    for piece in batched(body, 1_000, strict=False):
        answer.feed(bytes(piece))
    return answer.loads()


def _refused(body: bytes) -> bool:
    try:
        _made(body)
    except ValueError:
        return True
    return False


STRANGE = [
    *(
        b'["a", "\\ud800"]',
        b'["\\udc00a"]',
        b'{"\\ud83d": 1}',
        b'["a", NaN]',
        b'["a", -Infinity]',
        b'["a"',
        b'["a"] 1',
        b"",
    ),
    *(b'["a\nb"]', b"['a']", b'["a", 01]', b'["a", 1.]', b'{"a": 1, }', b'["\xff"]', b'["a", %s' % (b"[" * 2_000)),
]
USUAL = [
    b'["\\ud83d\\ude00", "\xc3\xa9"]',
    b'{"a": 1, "a": 2}',
    b'["a", 1e5, -0.1, 12345678901234567, true, null]',
    b'{"": {}}',
]


@pytest.mark.parametrize("body", [*STRANGE, *USUAL], ids=lambda body: str(body[:20]))
def test_large_answers_say_the_same_and_are_refused_for_the_same_reasons(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    small = _refused(body) or _made(body)
    monkeypatch.setattr(json_body, "AT_ONCE", 0)
    assert (_refused(body) or _made(body)) == small
    assert (small is True) == (body in STRANGE)


@pytest.mark.parametrize("size", ["values", "bytes"])
def test_no_answer_is_made_in_one_go_that_takes_longer_than_some_milliseconds(
    monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """While orjson makes values, nothing else in this process has a turn: of 8 MB that were up to 100 ms."""
    in_one_go: list[bytes] = []
    monkeypatch.setattr(orjson, "loads", in_one_go.append)
    count, text = (json_body.AT_ONCE, "x") if size == "values" else (100, "x" * (json_body.BYTES_AT_ONCE // 100))
    body = json.dumps([{"a": text}] * count).encode()
    assert _made(body) == [{"a": text}] * count
    assert in_one_go == []
    _made(b'["a"]')
    assert in_one_go == [b'["a"]']


def test_an_object_of_more_fields_than_any_has_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "AT_ONCE", 1_000)
    assert len(cast(dict[str, int], _made(json.dumps(dict.fromkeys(map(str, range(5_000)), 1)).encode()))) == 5_000
    with pytest.raises(ValueError, match="without end"):
        _made(json.dumps(dict.fromkeys(map(str, range(50_000)), 1)).encode())
