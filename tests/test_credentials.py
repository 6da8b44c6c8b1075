"""What is pasted is understood as it was meant, or refused at its field."""

import pytest

from custom_components.litellm_pulse import credentials


@pytest.mark.parametrize(
    "pasted",
    [
        "sk-1234",
        " sk-1234 ",
        "sk-1234\n",
        "\tsk-1234\r\n",
        "Bearer sk-1234",
        "bearer  sk-1234\n",
        "Authorization: Bearer sk-1234",
        '"sk-1234"',
        "'Bearer sk-1234'",
        "Bearer 'sk-1234'",
        "`sk-1234`",
        "\u201csk-1234\u201d",
        "\u201esk-1234\u201c\n",
        "x-litellm-api-key: Bearer sk-1234",
        "\ufeffsk-1234",
        "sk-1234\u200b",
        "sk-1234\u00ad",
        "\u200esk-1234\u202c",
        "\u2067'sk-1234'\u2069",
        "LITELLM_API_KEY=sk-1234",
        "export LITELLM_MASTER_KEY='sk-1234'\n",
        "LITELLM_MASTER_KEY: sk-1234",
        'master_key: "sk-1234"',
        '"api_key": "sk-1234",',
        "'api-key': 'sk-1234';",
        '"Authorization": "Bearer sk-1234",',
        'authorization: "Bearer sk-1234"',
        "x-api-key: sk-1234",
        "\u00abBearer sk-1234\u00bb",
        "\u201dsk-1234\u201d",
        "\u2039sk-1234\u203a",
    ],
)
def test_a_key_is_taken_as_it_was_meant(pasted: str) -> None:
    assert credentials.clean_key(pasted) == "sk-1234"


@pytest.mark.parametrize(
    "key", ["sk-KEY=1", "sk-api_key:1", "a,", "b;", "keys=1", "=", "abc==", "Bearer", "APIKEYS=1", '"']
)
def test_a_key_that_looks_like_more_than_one_is_left_as_it_is(key: str) -> None:
    assert credentials.clean_key(key) == key


@pytest.mark.parametrize("pasted", [None, "", "  ", "\n", "Bearer "])
def test_no_key_is_no_key(pasted: str | None) -> None:
    assert credentials.clean_key(pasted) in {None, "Bearer"}


@pytest.mark.parametrize("pasted", ["sk 1234", "sk-1\n2", "sk-\x00", "sk-\x7f", "schlüssel", "sk-\u202e1234"])
def test_what_no_header_can_hold_is_no_key(pasted: str) -> None:
    with pytest.raises(credentials.InvalidKeyError):
        credentials.clean_key(pasted)


def test_a_header_is_read_as_it_is_copied() -> None:
    assert credentials.parse_header("CF-Access-Client-Id: id.access\r\n") == ("CF-Access-Client-Id", "id.access")
    assert credentials.parse_header("  X-Token:a:b ") == ("X-Token", "a:b")
    assert credentials.parse_header("'X-Token: a'") == ("X-Token", "a")
    assert credentials.parse_header('\ufeff"X-Token: a b",\n') == ("X-Token", "a b")
    assert credentials.parse_header("X-Token: 'a'") == ("X-Token", "'a'")


@pytest.mark.parametrize(
    "line",
    [
        "just a token",
        ": a",
        "X-Empty:",
        "X Y: a",
        "X: a\nHost: evil",
        "X: a\x00",
        "X\r\nY: a",
        "\u00dc: a",
        "X: \u20ac",
        "Content-Length: 5",
        "transfer-encoding: chunked",
        "Accept: text/html",
        "Host: evil",
        "Expect: 100-continue",
        "Range: bytes=0-1",
    ],
)
def test_a_line_that_is_no_header_or_not_the_users_to_set_is_refused(line: str) -> None:
    with pytest.raises(credentials.InvalidHeaderError):
        credentials.parse_header(line)


@pytest.mark.parametrize(
    ("key", "extra", "sent"),
    [
        (None, {}, {}),
        ("sk-1", {}, {"Authorization": "Bearer sk-1"}),
        ("sk-1", {"X-Id": "a"}, {"X-Id": "a", "Authorization": "Bearer sk-1"}),
        (
            "sk-1",
            {"authorization": "Basic bWU="},
            {"authorization": "Basic bWU=", "x-litellm-api-key": "Bearer sk-1"},
        ),
        (None, {"Authorization": "Basic bWU="}, {"Authorization": "Basic bWU="}),
    ],
)
def test_the_key_takes_the_header_that_a_gateway_leaves_to_it(
    key: str | None, extra: dict[str, str], sent: dict[str, str]
) -> None:
    assert credentials.request_headers(key, extra) == sent
