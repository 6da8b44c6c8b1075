"""Many clients at once, in a process of their own: GET after GET, each as soon as the last is answered.

Arguments: base address, token, clients, seconds, paths. Prints how many answers of each status came.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import aiohttp


async def main(base: str, token: str, clients: str, seconds: str, *paths: str) -> None:
    """Run the clients."""
    answers: Counter[str] = Counter()
    until = time.monotonic() + float(seconds)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(base, headers=headers, connector=connector) as session:

        async def ask(first: int) -> None:
            number = first
            while time.monotonic() < until:
                async with session.get(paths[number % len(paths)]) as answer:
                    await answer.read()
                    answers[str(answer.status)] += 1
                number += 1

        await asyncio.gather(*map(ask, range(int(clients))))
    print(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
