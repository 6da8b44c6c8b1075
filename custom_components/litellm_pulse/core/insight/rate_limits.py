"""Whose requests LiteLLM refuses: a rule over two snapshots, without memory of its own."""

from ..models import MemberKey, Snapshot, Usage, Window


def rate_limited(before: Snapshot, after: Snapshot, known: frozenset[MemberKey]) -> frozenset[MemberKey]:
    """Return the members whose requests are refused now, given those of whom that was known.

    It begins with a scrape that saw a request of the member end in 429, which is what LiteLLM
    answers once a budget or a rate limit is used up. It ends with a scrape that saw the member's
    requests succeed, and none refused. A scrape that saw none of its requests changes nothing.
    """
    begun: set[MemberKey] = set()
    ended: set[MemberKey] = set()
    for member in after.changed_since(before):
        earlier, usage = before.usage.get(member), after.usage[member]
        if _grew(earlier, usage, "refused_requests"):
            begun.add(member)
        elif _served(earlier, usage):
            ended.add(member)
    return known if begun <= known and known.isdisjoint(ended) else (known | begun) - ended


def _served(earlier: Usage | None, usage: Usage) -> bool:
    """Whether requests succeeded: more came than failed, or tokens were used."""
    came, failed = (_growth(earlier, usage, metric) for metric in ("requests", "failed_requests"))
    return came > failed or _grew(earlier, usage, "tokens")


def _grew(earlier: Usage | None, usage: Usage, metric: str) -> bool:
    """Whether a figure has grown."""
    return _growth(earlier, usage, metric) > 0


def _growth(earlier: Usage | None, usage: Usage, metric: str) -> float:
    """Return by how much a figure has grown."""
    return usage.get(Window.LIFETIME, metric) - (earlier.get(Window.LIFETIME, metric) if earlier else 0.0)
