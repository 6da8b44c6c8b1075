"""A real LiteLLM proxy, asked for all of its body and for the part that is needed."""

import gzip
import http.client
import os
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import proxy as litellm

from .engine import Counting, ExpositionParser, read
from .measure import Faster, Section, Setting, figure

KEYS = 40
ROUNDS = 7
REQUESTS = 5
"""Of each kind in a round: the kernel counts processor time in hundredths of a second."""


def run(setting: Setting) -> Section:
    """Measure sizes, and the proxy's own processor time."""
    _give_keys()
    state = setting.cache / "proxy"
    shutil.rmtree(state, ignore_errors=True)
    families = sorted(Counting().families)
    part = "/metrics/?" + urlencode([("name[]", family) for family in families])
    with litellm.Proxy(state) as proxy:
        proxy.send([litellm.Request(model, key) for key in litellm.KEYS for model in litellm.MODELS])
        proxy.wait_until_counted()
        whole_size, sets = _sizes(proxy, "/metrics/")
        part_size, counted = _sizes(proxy, part)
        assert sets == counted, "the part lacks series"
        whole_cpu, part_cpu = _processor_times(proxy, "/metrics/", part)
    against = f"the whole body, {sets} label sets"
    return Section(
        title="Asking for the part that is needed",
        note=(
            "A real LiteLLM proxy with mock models, one worker, asked with `Accept-Encoding: gzip`. The size is that "
            "of the exposition, the transfer that of its gzip. Processor time is the proxy's own, all of it, by "
            f"/proc, over {REQUESTS} requests a run."
        ),
        figures=[
            figure("size", "kB", [part_size[0]], against=(against, [whole_size[0]]), budget=Faster(10)),
            figure("transfer", "kB", [part_size[1]], against=(against, [whole_size[1]])),
            figure("the proxy's processor time", "ms", part_cpu, against=(against, whole_cpu), budget=Faster(5)),
        ],
    )


def _give_keys() -> None:
    """Have as many keys as it takes, besides those of the demo."""
    key = next(iter(litellm.KEYS.values()))
    litellm.KEYS.clear()
    for number in range(KEYS):
        litellm.KEYS[f"sk-bench-{number}"] = replace(key, key_alias=f"key-{number}", user_id=f"user-{number}")


def _fetch(proxy: litellm.Proxy, path: str) -> bytes:
    """Return an answer as it is transferred, compressed."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
    connection.request(
        "GET", path, headers={"Authorization": f"Bearer {litellm.MASTER_KEY}", "Accept-Encoding": "gzip"}
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == http.client.OK
    assert answer.headers["Content-Encoding"] == "gzip"
    return body


def _sizes(proxy: litellm.Proxy, path: str) -> tuple[tuple[float, float], int]:
    """Return size and transfer of an answer in kB, and how many label sets it has of spend."""
    compressed = _fetch(proxy, path)
    body = gzip.decompress(compressed)
    (spend,) = read(ExpositionParser({"litellm_spend_metric_total"}), body).values()
    return (len(body) / 1000, len(compressed) / 1000), len(spend)


def _processor_times(proxy: litellm.Proxy, *paths: str) -> tuple[list[float], ...]:
    """Return the milliseconds that each path costs the proxy, round after round."""
    assert proxy.pid is not None
    found: tuple[list[float], ...] = tuple([] for _ in paths)
    for _ in range(ROUNDS):
        for path, times in zip(paths, found, strict=True):
            before = _processor_time(proxy.pid)
            for _ in range(REQUESTS):
                _fetch(proxy, path)
            times.append((_processor_time(proxy.pid) - before) / REQUESTS)
    return found


def _processor_time(pid: int) -> float:
    """Return the milliseconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000
