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
        "'Bearer sk-1234'"[1:-1],
        "\ufeffsk-1234",
        "sk-1234\u200b",
    ],
)
def test_a_key_is_taken_as_it_was_meant(pasted: str) -> None:
    assert credentials.clean_key(pasted) == "sk-1234"


@pytest.mark.parametrize("pasted", [None, "", "  ", "\n", "Bearer "])
def test_no_key_is_no_key(pasted: str | None) -> None:
    assert credentials.clean_key(pasted) in {None, "Bearer"}


@pytest.mark.parametrize("pasted", ["sk 1234", "sk-1\n2", "sk-\x00", "sk-\x7f", "schlüssel", "sk-\u202e1234"])
def test_what_no_header_can_hold_is_no_key(pasted: str) -> None:
    with pytest.raises(credentials.InvalidKeyError):
        credentials.clean_key(pasted)


def test_headers_are_read_as_they_are_copied() -> None:
    assert credentials.parse_headers("CF-Access-Client-Id: id.access\r\n\n  X-Token:a:b \n") == {
        "CF-Access-Client-Id": "id.access",
        "X-Token": "a:b",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"": "a"},
        {"X Y": "a"},
        {"X": "a\nHost: evil"},
        {"X": "a\x00"},
        {"X\r\nY": "a"},
        {"Ü": "a"},
        {"X": "\u20ac"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"Accept": "text/html"},
    ],
)
def test_what_is_no_header_is_refused_by_its_name_without_its_value(headers: dict[str, str]) -> None:
    with pytest.raises(credentials.InvalidHeaderError) as caught:
        credentials.clean_headers(headers)
    assert str(caught.value) == caught.value.name == next(iter(headers))


def test_a_line_that_is_no_header_is_refused() -> None:
    with pytest.raises(credentials.InvalidHeaderError):
        credentials.parse_headers("just a token")
