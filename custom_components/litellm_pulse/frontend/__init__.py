"""The dashboard strategy: how its script is served, and how Home Assistant's frontend comes to load it."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web
from homeassistant.components import frontend
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import HomeAssistantView
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

_FOLDER: Final = Path(__file__).parent
_MAIN: Final = "main.js"
_URL: Final[HassKey[str]] = HassKey(f"{DOMAIN}_frontend")
_A_YEAR: Final = "public, max-age=31536000, immutable"
"""The address changes with the content, so nobody has to ask whether it is still the same."""
_FOR_READERS: Final = re.compile(rb"^ *(?:/\*\*.*?\*/|//[^\n]*)\n|^ +", re.DOTALL | re.MULTILINE)
"""A comment that has its lines to itself, and indents: readers of the source need them, browsers do not."""


class ScriptView(HomeAssistantView):
    """The modules of the script, compressed once; a page loads them before anybody has logged in."""

    requires_auth = False

    def __init__(self, base: str, modules: Mapping[str, bytes]) -> None:
        """Keep what is served: file name -> compressed content."""
        self.url = f"{base}/{{name}}"
        self.name = f"{DOMAIN}:frontend:{base}"
        self._modules = modules

    async def get(self, request: web.Request, name: str) -> web.Response:  # noqa: ARG002
        """Answer with one module."""
        body = self._modules.get(name)
        if body is None:
            raise web.HTTPNotFound
        headers = {hdrs.CACHE_CONTROL: _A_YEAR, hdrs.CONTENT_ENCODING: "gzip"}
        return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)


async def async_register(hass: HomeAssistant) -> None:
    """Have the frontend load the script, now and in every page from now on; any number of times."""
    if frontend.DATA_EXTRA_MODULE_URL not in hass.data:
        return
    if _URL not in hass.data:
        modules = await hass.async_add_executor_job(_modules)
        base = f"/{DOMAIN}/{_digest(modules)}"
        # Two entries are set up at the same time.
        if _URL not in hass.data:
            hass.http.register_view(ScriptView(base, modules))
            hass.data[_URL] = f"{base}/{_MAIN}"
    frontend.add_extra_js_url(hass, hass.data[_URL])


@callback
def async_unregister(hass: HomeAssistant) -> None:
    """Have pages load the script no more: the last entry was removed."""
    if _URL in hass.data:
        frontend.remove_extra_js_url(hass, hass.data[_URL])


def _modules() -> dict[str, bytes]:
    """Return name and compressed content of every module; reads files."""
    return {
        path.name: gzip.compress(_FOR_READERS.sub(b"", path.read_bytes()), mtime=0)
        for path in sorted(_FOLDER.glob("*.js"))
    }


def _digest(modules: Mapping[str, bytes]) -> str:
    """Return what tells this content from any other."""
    digest = hashlib.sha256()
    for name, content in modules.items():
        digest.update(name.encode() + content)
    return digest.hexdigest()[:16]
