"""The spend dashboard in a real browser: added by the dialog, read by a user, compared with the JSON API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from home_assistant import HomeAssistant
from proxy import MASTER_KEY, Proxy, traffic

from . import past
from .spender import LANGUAGES, Spender, require_chromium, rewrite_past
from .websocket import add_guest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

GUEST = "guest"
SHOWN = ["provider", "team", "key", "user"]
FIGURES = {"spend": "cost", "requests": "requests", "failed": "failed_requests"}


@pytest.fixture(scope="module")
def spender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spender]:
    """Return a Home Assistant whose proxy has been used for ninety days, with the dashboard added by the dialog."""
    require_chromium()
    # A proxy that nobody else uses: what it counts since its start would join what is invented.
    proxy, home = Proxy(tmp_path_factory.mktemp("unused")), HomeAssistant(tmp_path_factory.mktemp("spender"))
    with proxy, home:
        entry_id = home.set_up(proxy.url, MASTER_KEY)
        home.flow("options/flow", entry_id, {"shown": {"dimensions": SHOWN}})
        rewrite_past(home, entry_id)
        added = Spender(home).visit()
        assert added["console"] == []
        yield Spender(home, added["path"])


@pytest.fixture(scope="module")
def guest(spender: Spender) -> str:
    """Return the name, which is also the password, of a user who is no administrator."""
    pytest_socket.enable_socket()
    add_guest(spender.home, GUEST)
    return GUEST


def _says(text: str, amount: float) -> bool:
    """Whether a text of the page is an amount, rounded to the digits that are written there."""
    number = text.strip("$%").replace(",", "")
    scale = {"K": 1e3, "M": 1e6, "B": 1e9}.get(number[-1], 1.0)
    number = number.rstrip("KMB")
    last_digit = scale * 10.0 ** -len(number.partition(".")[2])
    return float(number) * scale == pytest.approx(amount, abs=0.501 * last_digit)


def test_what_the_page_says_of_a_week_and_of_a_month_is_what_the_api_answers(spender: Spender) -> None:
    seen = spender.visit(periods=["Last 7 days", "This month"])
    assert seen["console"] == []
    for period in seen["periods"].values():
        # Spend, tokens, requests.
        assert period["graphs"] == 3
        ((total),) = spender.usage(period)
        for figure, field in FIGURES.items():
            assert _says(period["figures"][figure], total[field]), (figure, total)
        assert _says(period["figures"]["per_request"], total["cost"] / total["requests"] * 1000)
        assert _says(period["figures"]["per_token"], total["cost"] / total["tokens"] * 1e6)
        assert _says(period["figures"]["cached"], total["input_cached_tokens"] / total["input_tokens"] * 100)
        models = {row["model"]: row["cost"] for row in spender.usage(period, "model") if row["tokens"]}
        shown = {name: text for name, text, *_ in period["tables"]["Model"]}
        assert set(shown) == set(models)
        assert len(models) == len(past.MODELS)
        assert all(_says(text, models[name]) for name, text in shown.items()), (shown, models)
        teams = {row["team_name"]: row["cost"] for row in spender.usage(period, "team")}
        assert all(_says(text, teams[name]) for name, text, *_ in period["tables"]["Team"])


def test_a_name_that_is_html_is_shown_as_text_on_every_page(spender: Spender) -> None:
    seen = spender.visit(member=past.EVIL, periods=["This month"])
    assert seen["member"]["title"] == past.EVIL
    assert {name for name, *_ in seen["member"]["tables"]["Team"]} <= {key[5] for key in past.KEYS}
    assert seen["console"] == []


def test_the_comparison_with_the_period_before_works_without_an_energy_set_up(spender: Spender) -> None:
    seen = spender.visit(periods=["Last 7 days"], compare=True)
    assert "You are comparing the period" in seen["compare"]
    assert seen["console"] == []


def test_a_period_that_has_not_begun_is_not_compared(spender: Spender) -> None:
    seen = spender.visit(periods=["This month"], ahead=True)
    assert set(seen["ahead"]["foot"]) == {"This period has not begun yet."}
    assert set(seen["ahead"]["hint"]) == {"This period has not begun yet."}
    assert seen["console"] == []


def test_a_page_that_stays_open_draws_its_graphs_after_the_first_full_hour(spender: Spender) -> None:
    spender.clear_statistics()
    seen = spender.visit(wait=3)
    assert seen["wait"] == [0, 3]
    assert seen["console"] == []


def test_who_is_no_administrator_sees_the_dashboard_without_persons(spender: Spender, guest: str) -> None:
    seen = spender.visit(user=guest, password=guest, periods=["This month"])
    assert {"Model", "Provider", "Team"} == set(seen["periods"]["This month"]["tables"])
    assert seen["console"] == []


@pytest.mark.parametrize(
    "look",
    [
        {"width": 390, "dark": True, "language": "de"},
        {"width": 390, "dark": False, "language": "he"},
        {"width": 1280, "dark": True, "language": "fr"},
    ],
    ids=lambda look: look["language"],
)
def test_the_page_is_shown_on_a_phone_in_the_dark_and_in_other_languages(
    spender: Spender, tmp_path: Path, look: dict[str, Any]
) -> None:
    picture = tmp_path / "page.png"
    seen = spender.visit(**look, picture=str(picture))
    assert seen["console"] == []
    assert picture.stat().st_size > 50_000
    assert seen["overflow"] == 0
    # All these sentences are written from the left, for there are no texts in Hebrew.
    ((words, period),) = seen["compared"]
    assert words < period
    assert seen["points"]
    assert all(number < word for number, word in seen["points"])


def test_no_label_is_cut_off_on_a_phone_nor_beside_the_sidebar_in_any_language(spender: Spender) -> None:
    (proxy,) = spender.proxies()
    model = proxy["dimensions"][0]["members"][0]
    device, *members = (f"/config/devices/device/{one['device_id']}" for one in (proxy, model))
    kinds = {
        spender.view(proxy).replace("_total", f"_{one['dimension']}"): one["members"][0]["name"]
        for one in proxy["dimensions"]
    }
    views = {spender.view(model): "%", spender.view(proxy): model["name"], f"{spender.path}/health": proxy["name"]}
    without = {device: "BerriAI", spender.view(proxy): model["name"]}
    later = {device: "BerriAI", members[0]: model["name"], **views, **kinds}
    spender.show_every_figure(SHOWN)
    large = {device: "BerriAI"}
    seen = spender.labels([(0, without), (20, later), (12_345_678, large)])
    # Three windows.
    assert {language: len(looks) for language, looks in seen.items()} == dict.fromkeys(
        LANGUAGES, 3 * (len(without) + len(later) + len(large))
    )
    assert [(language, look) for language, looks in seen.items() for look in looks if look["cut"]] == []


def test_several_proxies_are_compared_and_each_has_a_view_of_its_own(spender: Spender, tmp_path: Path) -> None:
    # The last test: the Home Assistant of all others has one proxy.
    ((first),) = (one["title"] for one in spender.home.entries())
    with Proxy(tmp_path / "attic") as attic:
        spender.home.set_up(attic.url, MASTER_KEY, name="Attic")
        attic.send(traffic(10))
        attic.wait_until_counted()
        spender.home.refresh()
        seen = spender.visit(periods=["This month"])
    assert seen["console"] == []
    assert seen["views"][:4] == ["All proxies", first, "Attic", "Health"]
    compared = seen["periods"]["This month"]
    assert {name for name, *_ in compared["tables"]["Proxy"]} == {first, "Attic"}
    assert compared["graphs"] == 1
