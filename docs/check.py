"""Check an installed LiteLLM Pulse from outside: what it says against the proxy's own /metrics. Needs only Python 3.

python3 check.py HOME_ASSISTANT TOKEN PROXY KEY [INSTANCE]   (a long-lived token of Home Assistant, a key of LiteLLM)
It watches two scrapes, prints sums and times but no names, and ends with the number of checks that failed.
"""

import json
import math
import re
import sys
import time
from urllib.parse import quote
from urllib.request import Request, urlopen

FAMILIES = {"cost": "spend", "tokens": "total_tokens", "input_tokens": "input_tokens", "output_tokens": "output_tokens"}
PATIENCE, ROUND = 150, 1e-6  # Seconds to wait for a scrape: one a minute by default. Where sums may differ.


def get(url: str, secret: str) -> bytes:
    """Return the body of an answer."""
    return urlopen(Request(url, headers={"Authorization": f"Bearer {secret}"}), timeout=60).read()


def told(path: str = "api/v1/metrics") -> dict:
    """Return what the integration says."""
    return json.loads(get(f"{home}/api/litellm_pulse/{path}{instance}", token))


def counted() -> dict:
    """Return what the proxy has counted since it started."""
    body = get(f"{proxy}/metrics/", key).decode()
    lines = {name: rf"^litellm_{one}_metric_total(?:{{.*}})? (\S+)" for name, one in FAMILIES.items()}
    return {name: math.fsum(map(float, re.findall(line, body, re.MULTILINE))) for name, line in lines.items()}


def next_scrape(before: dict) -> dict:
    """Return what the integration says after its next scrape, or when patience is at its end."""
    end = time.monotonic() + PATIENCE
    while (now := told())["last_scrape"] == before["last_scrape"] and time.monotonic() < end:
        time.sleep(1)
    return now


sys.excepthook = lambda _, err, __: print(f"{err}: {getattr(err, 'read', bytes)().decode()}", file=sys.stderr)
home, token, proxy, key = (text.rstrip("/") for text in sys.argv[1:5])
instance = f"?instance={quote(sys.argv[5])}" if len(sys.argv) > 5 else ""
first, low = next_scrape(told()), counted()
last, high = next_scrape(first), counted()  # This scrape fell between the two looks at the proxy.
health, parts = told("health"), math.fsum(row["cost_lifetime"] for row in told("api/v1/models")["models"])
spend = [last[f"cost_{window}"] for window in ("daily", "monthly", "yearly", "lifetime")]
checks = [
    ("the last scrape succeeded", health == {"status": "ok"}, health),
    ("it goes on scraping", last["last_scrape"] != first["last_scrape"], last["last_scrape"]),
    ("spend never falls", first["cost_lifetime"] <= last["cost_lifetime"], last["cost_lifetime"]),
    ("no day is above its month, no month above its year", spend == sorted(spend), spend),
    ("the models add up to the total", -ROUND <= parts - last["cost_lifetime"] <= ROUND, parts),
]
checks += [(f"{a} as the proxy counts", low[a] - ROUND <= last[a] <= high[a] + ROUND, last[a]) for a in FAMILIES]
print(*(f"{'ok  ' if kept else 'FAIL'} {promise}: {seen}" for promise, kept, seen in checks), sep="\n")
sys.exit(sum(not kept for _, kept, _ in checks))
