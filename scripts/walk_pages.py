"""Set the integration up in a browser, page by page, as a user does, and take a picture of each.

Arguments: the browser, Home Assistant's address, user, password, the proxy's address and key, folder of the pictures.
"""

import json
import sys
from pathlib import Path

from browse import FLAGS
from playwright.sync_api import Page, expect, sync_playwright

NAME = "LiteLLM Pulse"
PATIENCE = 60_000


class Walk:
    """A browser that is logged in, and the pictures that it has taken."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        """Begin without a picture."""
        self.page = page
        self._url = url
        self._pictures = pictures
        self._count = 0

    def open(self, path: str) -> None:
        """Open a page."""
        self.page.goto(f"{self._url}{path}")

    def picture(self, name: str) -> None:
        """Take a picture of what is shown."""
        self._count += 1
        # Dialogs slide in; there is no event for the end of that.
        self.page.wait_for_timeout(1500)
        self.page.screenshot(path=self._pictures / f"{self._count:02}-{name}.png")

    def see(self, text: str) -> None:
        """Wait for a text."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def fill(self, field: str, value: str) -> None:
        """Fill a field of a dialog in; `field` is a selector."""
        self.page.locator(f"ha-form {field}").first.fill(value)

    def click(self, name: str) -> None:
        """Press a button by its name."""
        self.page.get_by_role("button", name=name, exact=True).last.click()


def log_in(walk: Walk, user: str, password: str) -> None:
    """Log in."""
    walk.open("/config/integrations/dashboard")
    walk.page.locator("input[name=username]").fill(user)
    walk.page.locator("input[name=password]").fill(password)
    walk.page.keyboard.press("Enter")
    walk.see("Add integration")


def add(walk: Walk, proxy: str, key: str) -> None:
    """Add the integration: first nobody's address, then a wrong key, then the right one."""
    walk.open("/config/integrations/dashboard/add?domain=litellm_pulse")
    # Home Assistant asks first whether it should be added.
    walk.page.get_by_role("button", name="OK").click(timeout=PATIENCE)
    walk.see("Connect to LiteLLM")
    walk.picture("add")
    walk.fill("input[type=url]", "http://127.0.0.1:9")
    walk.click("Submit")
    walk.see("Nothing answers at this address")
    walk.picture("nobody-there")
    walk.fill("input[type=url]", proxy)
    walk.fill("input[type=password]", "sk-wrong")
    walk.click("Submit")
    walk.see("LiteLLM does not accept this key")
    walk.picture("wrong-key")
    walk.fill("input[type=password]", key)
    walk.page.locator("ha-form ha-selector-text").nth(2).locator("input").fill("Home AI")
    walk.click("Submit")
    expect(walk.page.get_by_role("button", name="Skip and finish")).to_be_visible(timeout=PATIENCE)
    walk.picture("added")
    walk.click("Skip and finish")


def entry_of(walk: Walk) -> dict[str, str]:
    """Return the config entry, asked with the browser's own token."""
    script = """async () => {
        const hass = document.querySelector("home-assistant").hass;
        const entries = await hass.callWS({type: "config_entries/get", domain: "litellm_pulse"});
        return JSON.stringify(entries[0] || {});
    }"""
    return dict(json.loads(walk.page.evaluate(script)))


def look(walk: Walk) -> None:
    """Look at the integration's page and at the proxy's device."""
    walk.open("/config/integrations/integration/litellm_pulse")
    walk.see("Home AI")
    walk.picture("integration")
    script = """async () => {
        const hass = document.querySelector("home-assistant").hass;
        const found = Object.values(hass.devices).filter((one) => one.identifiers.some(([domain, id]) =>
            domain === "litellm_pulse" && !id.includes(":")));
        return found[0].id;
    }"""
    walk.open(f"/config/devices/device/{walk.page.evaluate(script)}")
    walk.see("Spend today")
    walk.page.wait_for_timeout(2500)
    walk.picture("device")


def options(walk: Walk) -> None:
    """Open the options, and look at each section."""
    walk.open("/config/integrations/integration/litellm_pulse")
    walk.page.get_by_role("button", name="Configure").first.click()
    walk.see("None of these options changes a total")
    walk.picture("options")
    for name in ("Devices and sensors", "Warnings", "Access"):
        header = walk.page.get_by_text(name, exact=True).first
        header.evaluate("(node) => node.scrollIntoView({block: 'start'})")
        if name == "Access":
            header.click()
        walk.picture(f"options-{name.split(maxsplit=1)[0].lower()}")
    walk.click("Submit")
    walk.see("Options successfully saved")
    walk.click("Finish")
    # A dialog that closes goes back in the browser's history, which would take the next page away.
    expect(walk.page.get_by_text("Options successfully saved")).to_be_hidden(timeout=PATIENCE)
    walk.page.wait_for_timeout(1500)


def repair(walk: Walk) -> None:
    """Open what has to be repaired: a model that is free."""
    walk.open("/config/repairs")
    walk.see("models without a price")
    walk.picture("repairs")
    walk.page.get_by_text("models without a price").first.click()
    walk.see("Free models")
    walk.picture("repair")
    walk.page.locator("ha-form").get_by_text("llama3.2", exact=True).last.click()
    walk.click("Submit")
    walk.page.wait_for_timeout(3000)
    walk.picture("repaired")


def menu(walk: Walk) -> None:
    """Open the menu of the entry; those of its devices come after it."""
    walk.page.locator("ha-config-entry-row ha-dropdown").first.get_by_role("button").first.click()
    walk.page.wait_for_timeout(1000)


def reconfigure(walk: Walk) -> None:
    """Open the form for another address."""
    walk.open("/config/integrations/integration/litellm_pulse")
    walk.see("Home AI")
    menu(walk)
    walk.page.get_by_text("Reconfigure").first.click()
    walk.see("All totals and the history are kept")
    walk.picture("reconfigure")
    walk.click("Submit")
    walk.see("Reconfiguration was successful")
    walk.picture("reconfigured")
    walk.page.keyboard.press("Escape")


def delete(walk: Walk) -> None:
    """Delete the entry."""
    walk.open("/config/integrations/integration/litellm_pulse")
    walk.see("Home AI")
    menu(walk)
    walk.page.get_by_text("Delete", exact=True).first.click()
    walk.page.wait_for_timeout(1500)
    walk.picture("delete")
    walk.click("Delete")
    walk.page.wait_for_timeout(4000)
    walk.picture("deleted")
    if entry_of(walk):
        raise AssertionError("the entry is still there")


def main(arguments: list[str]) -> None:
    """Walk all the way."""
    browser, url, user, password, proxy, key, pictures = arguments
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        walk = Walk(page, url, Path(pictures))
        try:
            log_in(walk, user, password)
            add(walk, proxy, key)
            look(walk)
            options(walk)
            repair(walk)
            reconfigure(walk)
            delete(walk)
        except BaseException:
            walk.picture("failed")
            raise
        finally:
            print("\n".join(sorted(set(errors))))
            chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
