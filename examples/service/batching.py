"""
One thread that answers the texts of many requests together
===========================================================

A Sentence Transformer answers sixteen texts in one call in less time than in sixteen calls. Requests to a service
hold one text or a few each, so that they are collected for a few milliseconds and answered together. This needs nothing
but asyncio, and knows nothing of HTTP or of models.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

logger = logging.getLogger("uvicorn.error")


class QueueFullError(Exception):
    """More texts wait than may."""


class BatchFailedError(Exception):
    """The call that was to answer this request has failed."""


@dataclass(eq=False)
class _Request:
    texts: list[str]
    answers: asyncio.Future[list[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher:
    """Collects the texts of concurrent requests and answers them in one call, one call at a time.

    The first request that waits is joined by those that come within ``wait_seconds``, or sooner if there are
    ``max_texts`` texts by then. The texts of one request stay together: a request of more than ``max_texts`` is a batch
    of its own. While a batch is answered, others wait. A request that is cancelled leaves the queue. If a call fails,
    the requests in it get `BatchFailedError`, and the next batch is answered as if nothing had been.

    Parameters
    ----------
    executor : Executor
        Where the calls are made: a ThreadPoolExecutor of one thread, so that the event loop goes on meanwhile.
    function : callable
        Takes a list of texts and returns a list of as many answers.
    max_texts : int
        So many texts make a batch. 1: no batching.
    wait_seconds : float
        How long a request waits for others.
    max_waiting : int
        So many texts may wait; a request beyond is refused with `QueueFullError`.
    """

    def __init__(
        self,
        executor: Executor,
        function: Callable[[list[str]], list[Any]],
        *,
        max_texts: int,
        wait_seconds: float,
        max_waiting: int,
    ) -> None:
        self.executor = executor
        self.function = function
        self.max_texts = max_texts
        self.wait_seconds = wait_seconds
        self.max_waiting = max_waiting
        self._queue: deque[_Request] = deque()
        self._closing = False
        self._some, self._enough = asyncio.Event(), asyncio.Event()  # requests wait; they make a batch
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def n_waiting(self) -> int:
        """The number of texts that wait."""
        return sum(len(request.texts) for request in self._queue)

    @property
    def is_running(self) -> bool:
        """Whether texts are answered."""
        return not self._task.done()

    async def answer(self, texts: list[str]) -> list[Any]:
        """Return the answers to these texts, once a batch with them has been answered."""
        if self._closing or self.n_waiting + len(texts) > self.max_waiting:
            raise QueueFullError
        if not self.is_running:
            raise BatchFailedError
        request = _Request(texts)
        self._queue.append(request)
        self._look()
        try:
            return await request.answers
        finally:
            if request in self._queue:  # was cancelled before its turn
                self._queue.remove(request)
                self._look()

    async def close(self) -> None:
        """Take no more requests, and return when those that are here have been answered."""
        self._closing = True
        self._look()
        await self._task

    def _look(self) -> None:
        for event, is_so in ((self._some, self._queue or self._closing), (self._enough, self._is_enough())):
            event.set() if is_so else event.clear()

    def _is_enough(self) -> bool:
        return self._closing or self.n_waiting >= self.max_texts

    async def _run(self) -> None:
        while self._queue or not self._closing:
            await self._some.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), self.wait_seconds)
            if batch := self._next_batch():  # else all were cancelled meanwhile
                await self._answer_together(batch)

    def _next_batch(self) -> list[_Request]:
        batch: list[_Request] = []
        n_texts = 0
        while self._queue and (not batch or n_texts + len(self._queue[0].texts) <= self.max_texts):
            batch.append(self._queue.popleft())
            n_texts += len(batch[-1].texts)
        self._look()
        return batch

    async def _answer_together(self, batch: list[_Request]) -> None:
        texts = [text for request in batch for text in request.texts]
        try:
            found = await asyncio.get_running_loop().run_in_executor(self.executor, self.function, texts)
            answers = iter([answer for _, answer in zip(texts, found, strict=True)])
            for request in batch:
                own = list(islice(answers, len(request.texts)))
                if not request.answers.done():  # is done where the request was cancelled
                    request.answers.set_result(own)
        except BaseException as error:  # a panic of compiled code is no Exception, and must not end the task
            if self._task.cancelling():
                raise
            # The places in the code, not the message: that may quote a text.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s in a batch of %d texts\n%s", type(error).__name__, len(texts), places)
            for request in batch:
                if not request.answers.done():
                    request.answers.set_exception(BatchFailedError())
