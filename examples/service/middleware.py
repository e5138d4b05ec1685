"""
What stands around the service: limits on bodies, and counts
============================================================

Two small pieces of ASGI middleware for ``service.py``.
"""

from __future__ import annotations

import asyncio
import time

from fastapi import HTTPException
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers 413 where the body of a request is longer than ``max_bytes``, whatever its Content-Length says.

    The rest of a body that is somewhat too long is read and thrown away, because a client that is still sending does
    not read the answer; at ten times the limit it is cut off. A body that has not arrived after ``max_seconds`` is
    answered with 408, and its connection is closed.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application read its body through a counter."""
        n_bytes, deadline = 0, time.monotonic() + self.max_seconds
        arriving = True

        async def next_part() -> Message:
            nonlocal n_bytes, arriving
            try:
                async with asyncio.timeout(deadline - time.monotonic() if arriving else None):
                    message = await receive()
            except TimeoutError:
                why = f"The body did not arrive within {self.max_seconds} seconds, which is the limit."
                raise HTTPException(408, why, headers={"Connection": "close"}) from None
            n_bytes += len(message.get("body", b""))
            arriving = message.get("more_body", False)
            return message

        async def counted() -> Message:
            message = await next_part()
            if n_bytes <= self.max_bytes:
                return message
            while message.get("more_body") and n_bytes <= 10 * self.max_bytes:
                message = await next_part()
            why = f"The body has more than {self.max_bytes} bytes, which is the limit."
            raise HTTPException(413, why, headers={"Connection": "close"})

        await self.app(scope, counted, send)


class Measured:
    """Counts the requests to one path by the status of their answer, and their seconds."""

    def __init__(self, app: ASGIApp, path: str, requests: Counter, seconds: Histogram) -> None:
        self.app = app
        self.path = path
        self.requests = requests
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and note how and when."""
        if scope["type"] != "http" or scope["path"] != self.path:
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests.labels(message["status"]).inc()
                self.seconds.observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noted)
