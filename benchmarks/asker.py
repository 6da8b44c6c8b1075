"""A client in a process of its own, that asks what it is told to: questions come in line by line, answers go out so.

Arguments: base address, token. A question is JSON: `path` with `encoding`, or a websocket command, `compressed` or not.
An answer is how many bytes came, or what was refused.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp

PACKED = 15
"""Bits of the window with which browsers have websockets compressed."""


async def main(base: str, token: str) -> None:
    """Ask until nothing comes in any more."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(base, auto_decompress=False) as session:
        while line := await asyncio.to_thread(sys.stdin.readline):
            question = json.loads(line)
            if "path" in question:
                encoding = {"Accept-Encoding": question["encoding"]}
                async with session.get(question["path"], headers=headers | encoding) as answer:
                    body = await answer.read()
                    told: object = len(body) if answer.ok else body.decode()
            else:
                told = await _command(session, token, question)
            print(json.dumps(told), flush=True)


async def _command(session: aiohttp.ClientSession, token: str, question: dict[str, Any]) -> object:
    """Return how many bytes the answer to a command has, or what was wrong with it."""
    compress = PACKED if question["compressed"] else 0
    async with session.ws_connect("/api/websocket", max_msg_size=0, compress=compress) as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        await socket.receive_json()
        await socket.send_json({"id": 1, **question["command"]})
        text = await socket.receive_str()
    answer = json.loads(text)
    return len(text) if answer["success"] else answer["error"]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
