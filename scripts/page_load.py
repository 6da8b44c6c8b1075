"""Load pages in turn in a browser that has been there before, and print as JSON how long each took to be usable.

Arguments: the browser, and as JSON: url, user, password, rounds, and pages: path -> the script that tells that it is
usable.
"""

import json
import sys
from typing import Any

from browse import FLAGS
from playwright.sync_api import Page, sync_playwright

TIMEOUT_MS = 60_000
WARM_UP = 2
"""Rounds that are not counted: caches of the browser and of the server fill."""

ALL = """
const all = (selector, root = document) => [
  ...root.querySelectorAll(selector),
  ...[...root.querySelectorAll("*")].flatMap((one) => (one.shadowRoot ? all(selector, one.shadowRoot) : [])),
];
"""
"""A function that finds elements in shadow trees too."""


def main(arguments: list[str]) -> None:
    """Load the pages one after the other, round by round."""
    binary, text = arguments
    visit = json.loads(text)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(f"{visit['url']}/profile")
        page.locator("input[name=username]").fill(visit["user"])
        page.locator("input[name=password]").fill(visit["password"])
        page.keyboard.press("Enter")
        page.locator("ha-panel-profile").wait_for(state="attached")
        rounds = [
            {path: _load(page, f"{visit['url']}{path}", usable) for path, usable in visit["pages"].items()}
            for _ in range(WARM_UP + visit["rounds"])
        ]
        print(json.dumps(rounds[WARM_UP:]))
        browser.close()


def _load(page: Page, url: str, usable: str) -> dict[str, Any]:
    """Return the milliseconds from the navigation until the page is loaded and until it is usable, and its messages."""
    sent: list[str] = []
    page.once("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    page.goto(url)
    shown = page.wait_for_function(f"() => {{ {ALL} return ({usable}) && performance.now(); }}", polling=25)
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    asked = [message["type"] for frame in sent for message in _messages(frame)]
    return {"loaded": loaded, "usable": shown.json_value(), "asked": asked}


def _messages(frame: str) -> list[dict[str, Any]]:
    """Return the commands of a frame, which holds one or several."""
    found = json.loads(frame)
    return found if isinstance(found, list) else [found]


if __name__ == "__main__":
    main(sys.argv[1:])
