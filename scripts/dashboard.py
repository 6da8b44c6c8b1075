"""Use the spend dashboard in a browser, as a user does, and print as JSON what was seen.

Arguments: the browser, a visit as JSON. See `Visit` for its fields.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browse import FLAGS
from page_load import ALL
from playwright.sync_api import Browser, Page, sync_playwright

DOMAIN = "litellm_pulse"
TABLE = "litellm-pulse-table"
GRAPH = "statistics-chart canvas"
PICKER = "hui-energy-period-selector"
COLLECTION = "document.querySelector('home-assistant').hass.connection._energy_litellm_pulse"
TIMEOUT_MS = 90_000
"""A machine that does much else takes its time."""
SETTLE_MS = 1500
"""After what was picked is loaded, charts move for a while; there is no event for their end."""
POINTED_AT = (0.7, 0.8)
"""Where the pointer is put on a graph, as shares of its width: yesterday, where a week is picked."""
TOOLTIP_MS = 500
"""A tooltip follows the pointer; there is no event for it."""
POINTINGS = 6
"""A graph that is not drawn yet has none."""
PATIENCE = 20
"""Seconds for a text to come up on a page that is looked at."""
LOOK = f"""() => {{
  {ALL}
  // A slot has no box of its own, but may have a text.
  const shown = all("*").filter((one) => one.checkVisibility() || getComputedStyle(one).display === "contents");
  const within = (one, {{ left, right }}) => {{
    const box = one.getBoundingClientRect();
    return box.left >= left - 1 && box.right <= right + 1;
  }};
  // What a graph shows beside the pointer has no class of its own.
  const tooltips = shown.filter((one) => one.style.zIndex === "9999999");
  const cells = shown.filter((one) => one.matches("th, td"));
  return {{
    tooltips: tooltips.map((one) => one.textContent),
    texts: shown.flatMap((one) => [...one.childNodes]).filter((one) => one.nodeType === Node.TEXT_NODE)
      .map((one) => one.data.trim()).filter(Boolean),
    images: all("img").map((one) => one.getAttribute("src")),
    burst: [
      ...[...shown.filter((one) => one.matches("ha-card")), ...tooltips]
        .filter((one) => !within(one, {{ left: 0, right: innerWidth }})),
      ...cells.filter((one) => !within(one, one.closest("ha-card").getBoundingClientRect())),
    ].map((one) => one.outerHTML.slice(0, 200)),
  }};
}}"""
"""What a page shows: all its texts, the sources of its pictures, and what does not fit into its place."""

REBUILD = f"document.querySelector('home-assistant').hass.callService('{DOMAIN}', 'rebuild_statistics')"
HOUR = "01:00:00"
"""How far the page's clock is put on: by then a full hour has ended."""
COMPARED = f"""() => {{
  {ALL}
  return all(".foot").map((foot) => all("*", foot).flatMap((one) => [...one.childNodes])
    .filter((one) => one.nodeType === Node.TEXT_NODE)
    .map((text) => {{
      const range = document.createRange();
      range.selectNodeContents(text);
      return range.getBoundingClientRect().left;
    }}));
}}"""
"""Where the parts of a sentence, which ends with a period, begin: pixels from the left."""
POINTS = f"""() => {{
  {ALL}
  const left = (text, at) => {{
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    return range.getBoundingClientRect().left;
  }};
  return all(".change").map((one) => one.firstChild).filter((text) => /\\d.*\\p{{L}}{{3}}/u.test(text?.data))
    .map((text) => [left(text, text.data.search(/\\d/)), left(text, text.data.search(/\\p{{L}}/u))]);
}}"""
"""Where the number and the word of a change that is told in words begin: pixels from the left."""


@dataclass(frozen=True)
class Visit:
    """Who looks at what, in which window."""

    url: str
    user: str
    password: str
    path: str = ""
    """Of the dashboard; where it is empty, the dashboard is added first."""
    periods: list[str] = field(default_factory=list)
    """Presets of the date picker, as they are called."""
    compare: bool = False
    """Whether to switch the comparison on at last."""
    ahead: bool = False
    """Whether to go on to the period that follows."""
    member: str = ""
    """Whose page is opened at last."""
    wait: int = 0
    """How many graphs there are after a full hour, at whose end the server writes statistics; 0 waits for none."""
    pages: dict[str, str] = field(default_factory=dict)
    """Pages, of any part of Home Assistant, that are looked at after that: path -> a text that is waited for."""
    zone: str = "UTC"
    language: str = "en"
    dark: bool = False
    width: int = 1280
    picture: str = ""
    """File of a picture of the page."""
    height: int = 0
    """How much of the page is in the picture, in pixels from its top; 0 is all."""


def main(arguments: list[str]) -> None:
    """Make one visit."""
    binary, text = arguments
    visit = Visit(**json.loads(text))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        print(json.dumps(_visit(browser, visit)))
        browser.close()


def _visit(browser: Browser, visit: Visit) -> dict[str, Any]:
    """Return what was seen: the path, the views, the periods, and what the console said."""
    page = browser.new_page(
        viewport={"width": visit.width, "height": 1000},
        color_scheme="dark" if visit.dark else "light",
        timezone_id=visit.zone,
        locale=visit.language,
        device_scale_factor=1.5 if visit.picture else 1,
    )
    page.set_default_timeout(TIMEOUT_MS)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(f"a dialog says {dialog.message}"))
    page.add_init_script(f"localStorage.setItem('selectedLanguage', '\"{visit.language}\"')")
    if visit.wait:
        page.clock.install()
    log_in(page, visit.url, visit.user, visit.password)
    path = visit.path or _add(page, visit)
    if visit.path:
        page.goto(f"{visit.url}{path}")
    page.locator(f"{TABLE} tfoot").first.wait_for()
    seen: dict[str, Any] = {"path": path, "views": page.locator("ha-tab-group-tab").all_inner_texts(), "console": said}
    if visit.wait:
        seen["wait"] = _wait_for_graphs(page, visit.wait)
    seen["periods"] = {period: _pick(page, period) for period in visit.periods}
    if visit.ahead:
        seen["ahead"] = _go_ahead(page)
    if visit.compare:
        seen["compare"] = _compare(page)
    if visit.member:
        seen["member"] = _open(page, visit.member)
    seen["pages"] = {path: _look(page, path, text) for path, text in visit.pages.items()}
    page.wait_for_timeout(SETTLE_MS)
    seen["compared"] = page.evaluate(COMPARED)
    seen["points"] = page.evaluate(POINTS)
    seen["overflow"] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if visit.picture:
        _picture(page, Path(visit.picture), visit.height)
    return seen


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Log in, on a page that shows little."""
    page.goto(f"{url}/profile")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")
    page.locator("ha-panel-profile").wait_for(state="attached")


def _add(page: Page, visit: Visit) -> str:
    """Add the dashboard through Home Assistant's dialog, and return its path."""
    page.goto(f"{visit.url}/config/lovelace/dashboards")
    page.get_by_text("Add dashboard").first.click()
    page.locator("dashboard-card").filter(has_text="LiteLLM Pulse").click()
    page.get_by_role("button", name="Create").click()
    # The new dashboard is in the sidebar at once.
    link = page.locator("ha-sidebar").get_by_role("link", name="LiteLLM Pulse")
    path = str(link.get_attribute("href"))
    link.click()
    return path


def _pick(page: Page, period: str) -> dict[str, Any]:
    """Pick a preset in the date picker, and return the period with the numbers on the page."""
    page.locator(PICKER).locator("ha-date-range-picker").first.click()
    page.locator("date-range-picker").get_by_text(period, exact=True).click()
    page.wait_for_timeout(SETTLE_MS)
    _wait_for_numbers(page)
    while (more := page.locator(f"{TABLE} button").first).is_visible():
        more.click()
    span = page.evaluate(f"(({{start, end}}) => [start, end].map((one) => one.toISOString()))({COLLECTION})")
    return {"start": span[0], "end": span[1], **_numbers(page)}


def _wait_for_numbers(page: Page) -> None:
    """Wait until every card of ours shows the picked period."""
    cards = page.locator(f"{TABLE}, litellm-pulse-summary")
    while not cards.evaluate_all(
        f"all => all.length && all.every((one) => one.dataset.start === {COLLECTION}.start.toISOString())"
    ):
        page.wait_for_timeout(100)


def _numbers(page: Page) -> dict[str, Any]:
    """Return what the page says: figures, the rows of each table, how many graphs there are."""
    figures = page.locator("litellm-pulse-summary .figure").evaluate_all(
        "all => all.map((one) => [one.dataset.figure, one.querySelector('.value').textContent])"
    )
    tables = page.locator(TABLE).evaluate_all(
        """all => all.map(({shadowRoot}) => [
          shadowRoot.querySelector('thead th').textContent,
          [...shadowRoot.querySelectorAll('tbody tr')].map((row) => [
            row.querySelector('th').textContent, ...[...row.querySelectorAll('td')].map((cell) => cell.textContent)
          ]),
        ])"""
    )
    return {
        "figures": dict(figures),
        # The table of prices, which comes last, is one by model too.
        "tables": dict(reversed(tables)),
        "graphs": page.locator(GRAPH).count(),
        "tiles": page.locator("hui-tile-card").all_inner_texts(),
    }


def _wait_for_graphs(page: Page, count: int) -> list[int]:
    """Return how many graphs there are before and after a full hour at whose end the server writes statistics."""
    # Soon after midnight the page goes on to a day, on the server's clock, of which there is nothing yet.
    _pick(page, "Last 7 days")
    graphs = page.locator(GRAPH)
    before = graphs.count()
    page.evaluate(REBUILD)
    page.clock.fast_forward(HOUR)
    graphs.nth(count - 1).wait_for()
    return [before, graphs.count()]


def _go_ahead(page: Page) -> dict[str, list[str]]:
    """Go on to the period that follows, and return what the cards say of it."""
    page.locator(PICKER).get_by_role("button", name="Next", exact=True).click()
    page.wait_for_timeout(SETTLE_MS)
    _wait_for_numbers(page)
    return {name: page.locator(f".{name}").all_inner_texts() for name in ("foot", "hint")}


def _compare(page: Page) -> str:
    """Switch the comparison on, and return what the page says about it."""
    page.locator(PICKER).locator("ha-dropdown ha-icon-button").first.click()
    page.get_by_text("Compare data").click()
    alert = page.locator("hui-energy-compare-card ha-alert")
    alert.wait_for()
    return str(alert.inner_text())


def _open(page: Page, member: str) -> dict[str, Any]:
    """Open a member's page from its row, and return its title and numbers."""
    page.locator(TABLE).get_by_role("link", name=member, exact=True).first.click()
    page.wait_for_timeout(SETTLE_MS)
    _wait_for_numbers(page)
    return {"title": page.locator(".main-title").inner_text(), **_numbers(page)}


def go(page: Page, path: str) -> None:
    """Open a page as a link does."""
    page.evaluate(
        "(path) => (history.pushState(null, '', path), dispatchEvent(new CustomEvent('location-changed')))", path
    )


def _look(page: Page, path: str, text: str) -> dict[str, Any]:
    """Open a page, and return what it shows while the pointer is on its first graph."""
    go(page, path)
    deadline = time.monotonic() + PATIENCE
    while True:
        page.wait_for_timeout(TOOLTIP_MS)
        shown: dict[str, Any] = page.evaluate(LOOK)
        if any(text in one for one in shown["texts"]) or time.monotonic() > deadline:
            break
    graph = page.locator(GRAPH).first
    if graph.is_visible():
        graph.scroll_into_view_if_needed()
        for _ in range(POINTINGS):
            box = graph.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
            for share in POINTED_AT:
                page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.7, steps=4)
            page.wait_for_timeout(TOOLTIP_MS)
            shown = page.evaluate(LOOK)
            if shown["tooltips"]:
                break
    return shown


def _picture(page: Page, file: Path, height: int) -> None:
    """Take a picture of the page: the window grows to what is to be in it."""
    height = height or int(page.locator("hui-sections-view").first.evaluate("(view) => view.scrollHeight")) + 80
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=file)


if __name__ == "__main__":
    main(sys.argv[1:])
