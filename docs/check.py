"""Check an installed LiteLLM Pulse from outside: what it says against the proxy's own /metrics. Needs only Python 3.

python3 check.py HOME_ASSISTANT TOKEN PROXY KEY [INSTANCE]   (a long-lived token of Home Assistant, a key of LiteLLM)
It watches two scrapes, prints sums and times but no names, and ends with the number of checks that failed.
"""

import json
import re
import sys
import time
from urllib.parse import quote
from urllib.request import Request, urlopen

NAMES = [("cost", "spend"), ("tokens", "total_tokens"), *((f"{way}_tokens",) * 2 for way in ("input", "output"))]
PATIENCE, ROUND = 150, 1e-6  # Seconds to wait for a scrape: one a minute by default. Where sums may differ.


def get(url: str, secret: str) -> str:
    """Return what an address answers; end with what stands in the way, and where."""
    try:
        return urlopen(Request(url, headers={"Authorization": f"Bearer {secret}"}), timeout=60).read().decode()
    except (OSError, ValueError) as err:
        sys.exit(f"{url}: {err}. {getattr(err, 'read', bytes)().decode(errors='replace')}")


def told(path: str = "api/v1/metrics") -> dict:
    """Return what the integration says."""
    body = get(f"{home}/api/litellm_pulse/{path}{instance}", token)
    return json.loads(body) if body.startswith("{") else sys.exit(f"{home} is not Home Assistant: {body[:200]}")


def counted() -> dict:
    """Return what the proxy has counted since it started."""
    body = get(f"{proxy}/metrics/", key)
    return {a: sum(map(float, re.findall(rf"(?m)^litellm_{b}_metric_total(?:{{.*}})? (\S+)", body))) for a, b in NAMES}


def next_scrape(before: dict) -> dict:
    """Return what the integration says after its next scrape, or when patience is at its end."""
    end = time.monotonic() + PATIENCE
    while (now := told())["last_scrape"] == before["last_scrape"] and time.monotonic() < end:
        time.sleep(1)
    return now


home, token, proxy, key = (text.rstrip("/") for text in sys.argv[1:5]) if len(sys.argv) > 4 else sys.exit(__doc__)
proxy, instance = proxy.removesuffix("/metrics"), f"?instance={quote(sys.argv[5])}" if len(sys.argv) > 5 else ""
first, low = next_scrape(told()), counted()
last, high = next_scrape(first), counted()  # This scrape fell between the two looks at the proxy.
health, parts = told("health"), sum(row["cost_lifetime"] for row in told("api/v1/models")["models"])
spend = [last[f"cost_{window}"] for window in ("daily", "monthly", "yearly", "lifetime")]
checks = [("the last scrape succeeded", health == {"status": "ok"}, health)]
checks += [("it goes on scraping", last["last_scrape"] != first["last_scrape"], last["last_scrape"])]
checks += [("no day is above its month, no month above its year", spend == sorted(spend), spend)]
checks += [("the models add up to the total", abs(parts - last["cost_lifetime"]) <= ROUND, parts)]
checks += [(f"{a} as the proxy counts", low[a] - ROUND <= last[a] <= high[a] + ROUND, last[a]) for a, _ in NAMES]
grown = {a: [last[b] - first[b] for b in (f"{a}_lifetime", a)] for a, _ in NAMES}
checks += [(f"{a} grows as the proxy's", abs(here - there) <= ROUND, here) for a, (here, there) in grown.items()]
print(*(f"{'ok  ' if kept else 'FAIL'} {promise}: {seen}" for promise, kept, seen in checks), sep="\n")
sys.exit(sum(not kept for _, kept, _ in checks))
