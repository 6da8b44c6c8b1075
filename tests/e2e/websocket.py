"""Home Assistant's websocket, as its own pages use it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from home_assistant import HomeAssistant


def ask(home: HomeAssistant, *messages: Mapping[str, Any]) -> list[Any]:
    """Return the results of commands, one after the other."""
    # A token that is about to end is renewed by this.
    home.api("config")
    return asyncio.run(_ask(home.url, home._token, messages))


def add_guest(home: HomeAssistant, name: str) -> None:
    """Add a user who is no administrator; the name is also the password."""
    (made,) = ask(home, {"type": "config/auth/create", "name": name, "group_ids": ["system-users"]})
    login = {"type": "config/auth_provider/homeassistant/create", "username": name, "password": name}
    ask(home, {**login, "user_id": made["user"]["id"]})


async def _ask(url: str, token: str, messages: tuple[Mapping[str, Any], ...]) -> list[Any]:
    """Return the results of commands, one after the other."""
    results = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/websocket") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        await socket.receive_json()
        for number, message in enumerate(messages, 1):
            await socket.send_json({"id": number, **message})
            answer = await socket.receive_json()
            assert answer["success"], answer
            results.append(answer["result"])
    return results
