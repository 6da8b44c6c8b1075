"""Look for labels that are cut off, in several languages and windows, and print as JSON what was found.

Arguments: the browser, a round as JSON. See `Round` for its fields.
"""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from browse import FLAGS
from dashboard import PATIENCE, TABLE, TIMEOUT_MS, go, log_in
from page_load import ALL
from playwright.sync_api import Page, sync_playwright

PAUSE_MS = 100
"""Between two looks: what is the same in both is there to stay."""
LOOKS, SETTLED = 30, 3
"""What is cut in the last look of so many is so for good; what is not in so many, one after the other, stays whole."""
TEXTS = f"""() => {{
  {ALL}
  return all("*").filter((one) => one.checkVisibility() || getComputedStyle(one).display === "contents")
    .flatMap((one) => [...one.childNodes]).filter((one) => one.nodeType === Node.TEXT_NODE)
    .map((one) => one.data.trim()).filter(Boolean);
}}"""
"""What can be read on a page; a slot has no box of its own, but may have a text."""
CUT = f"""() => {{
  {ALL}
  const hidden = (one) => {{
    const {{ overflowX, webkitLineClamp }} = getComputedStyle(one);
    return one.scrollWidth > one.clientWidth && overflowX !== "visible"
      || one.scrollHeight > one.clientHeight + 1 && webkitLineClamp !== "none";
  }};
  const under = (label) => {{
    // A field that is wider than its place in the row is laid over the label.
    const field = label.getRootNode().host?.querySelector("ha-input")?.getBoundingClientRect();
    const text = document.createRange();
    text.selectNodeContents(label);
    const {{ left, right }} = text.getBoundingClientRect();
    return field && left < field.right - 1 && field.left < right - 1;
  }};
  // Home Assistant's own lists of devices and of what happened, and the legends of its graphs, cut what is too long
  // for them, and its sidebar cuts its title while it opens.
  const theirs = "ha-list-item, ha-list-nav, ha-logbook-entry, ha-chart-base, ha-sidebar";
  return all("*")
    .filter((one) => one.checkVisibility() && one.clientWidth && one.textContent.trim())
    .filter((one) => !one.getRootNode().host?.matches(theirs))
    .filter((one) => hidden(one) || (one.matches(".info") && under(one)))
    .map((one) => one.textContent.trim())
    .concat(all("input").filter((one) => one.checkVisibility() && hidden(one)).map((one) => one.value));
}}"""
"""The labels of a page, and the numbers in its fields, that are not shown whole."""
WINDOWS = {"sidebar": (1280, "docked"), "wide": (1280, "always_hidden"), "phone": (390, "auto")}
"""Windows in which labels have the least place: width, and what Home Assistant does with its sidebar."""
DOCK = """(dock) => document.querySelector("home-assistant")
  .dispatchEvent(new CustomEvent("hass-dock-sidebar", { detail: { dock } }))"""
SPEAK = """async ([language, entry]) => {
  const { hass } = document.querySelector("home-assistant");
  localStorage.setItem("selectedLanguage", JSON.stringify(language));
  await hass.callWS({ type: "config/core/update", language });
  await hass.callApi("POST", `config/config_entries/entry/${entry}/reload`);
}"""
LIMIT = """async (value) => {
  const { hass } = document.querySelector("home-assistant");
  const ours = Object.values(hass.entities).filter((one) => one.platform === "litellm_pulse");
  const limits = ours.map((one) => one.entity_id).filter((one) => one.startsWith("number.") && hass.states[one]);
  await hass.callService("number", "set_value", { value }, { entity_id: limits });
}"""


@dataclass(frozen=True)
class Round:
    """Who looks at what, in which languages."""

    url: str
    user: str
    password: str
    entry: str
    """Id of the only config entry."""
    path: str
    """Of the dashboard."""
    languages: list[str]
    """Of the user and of the server, which names the entities; what is spoken at last stays."""
    limits: list[tuple[float, dict[str, str]]]
    """What limits are set to, in US dollars, and pages that are looked at then: path -> a text that is waited for."""


def main(arguments: list[str]) -> None:
    """Make one round."""
    binary, text = arguments
    round_ = Round(**json.loads(text))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
        page.set_default_timeout(TIMEOUT_MS)
        log_in(page, round_.url, round_.user, round_.password)
        print(json.dumps({language: _speak(page, round_, language) for language in round_.languages}))
        browser.close()


def _speak(page: Page, round_: Round, language: str) -> list[dict[str, Any]]:
    """Return what is cut off in a language: the path, the limit, the window and the labels of each page."""
    page.evaluate(SPEAK, [language, round_.entry])
    # The dashboard is made anew in its language.
    page.goto(f"{round_.url}{round_.path}")
    page.locator(f"{TABLE} tfoot").first.wait_for()
    found = []
    for limit, pages in round_.limits:
        page.evaluate(LIMIT, limit)
        for path, text in pages.items():
            _open(page, path, text)
            found += [{"path": path, "limit": limit, "window": name, "cut": _cut(page, name)} for name in WINDOWS]
    return found


def _open(page: Page, path: str, text: str) -> None:
    """Open a page, and wait until a text is there and nothing comes any more; raises TimeoutError where that is not."""
    before = last = page.evaluate(TEXTS)
    go(page, path)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        page.wait_for_timeout(PAUSE_MS)
        shown = page.evaluate(TEXTS)
        if before != shown == last and any(text in one for one in shown):
            return
        last = shown
    raise TimeoutError(f"{path} does not say {text}: {last}")


def _cut(page: Page, window: str) -> list[str]:
    """Return the labels that are cut off in a window."""
    width, dock = WINDOWS[window]
    page.set_viewport_size({"width": width, "height": 1000})
    page.evaluate(DOCK, dock)
    # Home Assistant measures some of its cards a moment after the window has changed.
    found: list[str] = []
    clean = 0
    for _ in range(LOOKS):
        page.wait_for_timeout(PAUSE_MS)
        found = page.evaluate(CUT)
        clean = 0 if found else clean + 1
        if clean == SETTLED:
            break
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
