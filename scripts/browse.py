"""Log in to Home Assistant in a browser, open a page and take a picture of it.

Arguments: the browser, Home Assistant's address, user, password, path of the page, file.
"""

import sys

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main(arguments: list[str]) -> None:
    """Take one picture."""
    browser, url, user, password, path, file = arguments
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1000}, device_scale_factor=1.5)
        page.goto(f"{url}{path}")
        page.locator("input[name=username]").fill(user)
        page.locator("input[name=password]").fill(password)
        page.keyboard.press("Enter")
        page.get_by_text("Spend today").first.wait_for(timeout=60_000)
        # Charts and icons come after the text; there is no event for the last of them.
        page.wait_for_timeout(4000)
        page.screenshot(path=file)
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
