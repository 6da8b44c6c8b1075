"""The same question about the same snapshot is worked out once."""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.litellm_pulse.api.response_cache import ResponseCache
from custom_components.litellm_pulse.core.errors import StoreError
from custom_components.litellm_pulse.core.models import Snapshot

from ..conftest import pass_time, set_up

SNAPSHOT = Snapshot()


class Work:
    """Something to be worked out once it may, and how often and on which thread that was done."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.threads: list[int] = []
        self.error: Exception | None = None
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> bytes:
        """Do it."""
        self.threads.append(threading.get_ident())
        self.begun.set()
        self.may_end.wait()
        if self.error:
            raise self.error
        return str(len(self.threads)).encode()


async def _ask(hass: HomeAssistant, answers: ResponseCache, work: Callable[[], bytes], question: object = 1) -> bytes:
    """Ask about the one snapshot."""
    return await answers.async_get(hass, SNAPSHOT, question, work)


async def _ask_at_once(
    hass: HomeAssistant, answers: ResponseCache, work: Work, times: int
) -> list[bytes | BaseException]:
    """Ask while nobody has been answered yet."""
    asked = [asyncio.create_task(_ask(hass, answers, work)) for _ in range(times)]
    await hass.async_add_executor_job(work.begun.wait)
    work.may_end.set()
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_many_who_ask_at_once_wait_for_the_same_answer(hass: HomeAssistant) -> None:
    answers, work = ResponseCache(), Work()
    assert await _ask_at_once(hass, answers, work, 50) == [b"1"] * 50
    assert await _ask(hass, answers, work) == b"1"
    assert await _ask(hass, answers, work, 2) == b"2"
    assert threading.get_ident() not in work.threads


async def test_another_snapshot_has_answers_of_its_own(hass: HomeAssistant) -> None:
    answers, work = ResponseCache(), Work()
    work.may_end.set()
    assert await _ask(hass, answers, work) == b"1"
    assert await answers.async_get(hass, Snapshot(), 1, work) == b"2"


async def test_a_failure_is_told_to_all_who_wait_and_not_kept(hass: HomeAssistant) -> None:
    answers, work = ResponseCache(), Work()
    work.error = StoreError("disk full")
    assert await _ask_at_once(hass, answers, work, 3) == [work.error] * 3
    work.error = None
    assert await _ask(hass, answers, work) == b"2"


async def test_a_client_that_hangs_up_takes_nothing_from_the_others(hass: HomeAssistant) -> None:
    answers, work = ResponseCache(), Work()
    first, second = (asyncio.create_task(_ask(hass, answers, work)) for _ in range(2))
    await hass.async_add_executor_job(work.begun.wait)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()
    assert await second == b"1"


async def test_what_fails_after_the_last_client_has_hung_up_is_told_to_nobody(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    answers, work = ResponseCache(), Work()
    work.error = StoreError("disk full")
    asked = asyncio.create_task(_ask(hass, answers, work))
    await hass.async_add_executor_job(work.begun.wait)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    work.may_end.set()
    await hass.async_block_till_done()
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    work.error = None
    assert await _ask(hass, answers, work) == b"2"


async def test_only_the_last_answers_are_kept(hass: HomeAssistant) -> None:
    answers, work = ResponseCache(), Work()
    work.may_end.set()
    for question in range(40):
        await _ask(hass, answers, work, question)
    assert await _ask(hass, answers, work, 39) == b"40"
    assert await _ask(hass, answers, work, 0) == b"41"


async def test_no_more_than_some_megabytes_are_kept(hass: HomeAssistant) -> None:
    answers = ResponseCache()
    for question in range(10):
        assert len(await _ask(hass, answers, lambda: bytes(1_000_000), question)) == 1_000_000
        assert answers.size <= 4 * 1024 * 1024
    assert len(await _ask(hass, answers, lambda: bytes(20_000_000), "large")) == 20_000_000
    assert answers.size <= 4 * 1024 * 1024


async def test_after_a_scrape_nothing_is_kept(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    assert await set_up(hass, entry)
    answers: ResponseCache = entry.runtime_data.response_cache
    await _ask(hass, answers, lambda: b"answer")
    assert answers.size == 6
    await pass_time(hass, freezer)
    assert answers.size == 0


async def test_what_reads_the_file_is_done_one_after_the_other(hass: HomeAssistant) -> None:
    answers, first, second, other = ResponseCache(), Work(), Work(), Work()
    other.may_end.set()
    reading = [
        asyncio.create_task(answers.async_get(hass, SNAPSHOT, question, work, reads=True))
        for question, work in enumerate((first, second))
    ]
    await hass.async_add_executor_job(first.begun.wait)
    assert await _ask(hass, answers, other, "other") == b"1"
    assert not second.threads
    first.may_end.set()
    second.may_end.set()
    assert await asyncio.gather(*reading) == [b"1", b"1"]
