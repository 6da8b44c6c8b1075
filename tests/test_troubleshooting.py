"""The page of symptoms says what the integration says."""

import troubleshooting
from toolchain import ROOT

PAGE = (ROOT / troubleshooting.PAGE).read_text()
TEXTS = troubleshooting.texts(ROOT)


def test_whatever_a_user_is_told_is_explained() -> None:
    assert set(TEXTS) - troubleshooting.keys(PAGE) == set()


def test_the_page_quotes_word_by_word() -> None:
    # scripts/symptoms writes it anew.
    assert troubleshooting.render(PAGE, TEXTS) == PAGE


def test_a_heading_follows_its_text() -> None:
    page = "### Old <!-- config.error.timeout -->\n\nWhy.\n\n### Kept <!-- issues.unheard_of -->\n"
    assert troubleshooting.render(page, {"config.error.timeout": "New"}) == (
        "### New <!-- config.error.timeout -->\n\nWhy.\n\n### Kept <!-- issues.unheard_of -->\n"
    )
