"""From one snapshot to the entities that it concerns, and to no others."""

from functools import partial

from homeassistant.core import CALLBACK_TYPE, callback

from .core.models import TOTAL, MemberKey, Snapshot


class Fanout:
    """Wakes the entities of the members whose usage changed; thousands of others sleep on."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Begin with what the entities are about to show."""
        self._shown = snapshot
        self._watchers: dict[MemberKey, set[CALLBACK_TYPE]] = {}

    @callback
    def watch(self, member: MemberKey, wake: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have `wake` called when a member changed; returns what ends that."""
        watchers = self._watchers.setdefault(member, set())
        watchers.add(wake)
        return partial(watchers.discard, wake)

    @callback
    def publish(self, snapshot: Snapshot) -> None:
        """Wake whoever watches a member that differs from the last snapshot.

        The proxy itself is always woken: live values and errors are its own.
        """
        shown, self._shown = self._shown, snapshot
        everyone = shown.window_starts != snapshot.window_starts or shown.published != snapshot.published
        for member, watchers in self._watchers.items():
            if everyone or member == TOTAL or snapshot.usage.get(member) is not shown.usage.get(member):
                for wake in tuple(watchers):
                    wake()
