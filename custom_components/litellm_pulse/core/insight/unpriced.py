"""Which models were used and cost nothing: a rule over two snapshots, without memory of its own."""

from ..catalog import Dimension
from ..models import Snapshot, Usage, Window


def unpriced(before: Snapshot, after: Snapshot, known: frozenset[str]) -> frozenset[str]:
    """Return the models that have no price now, given those of which that was known."""
    changed = {key for key in after.changed_since(before) if key[0] is Dimension.MODEL}
    if not changed:
        return known
    found = {id_ for kind, id_ in changed if _is_unpriced(after.usage[kind, id_])}
    return known - {id_ for _, id_ in changed} | found


def _is_unpriced(usage: Usage) -> bool:
    """Whether usage lacks a price: by LiteLLM's own word, or because there are tokens and no spend."""
    if usage.get(Window.MONTH, "unpriced_requests"):
        priced_again = usage.get(Window.DAY, "cost") and not usage.get(Window.DAY, "unpriced_requests")
        return not priced_again
    return bool(usage.get(Window.MONTH, "tokens")) and not usage.get(Window.MONTH, "cost")
