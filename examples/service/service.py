"""
A saved classifier as a service
===============================

Serves a file that :func:`~sksetfit.dump` wrote, over HTTP and to this machine only; :doc:`/service` says how it is
asked and what its limits are. With ``--data FILE.csv --text COLUMN --label COLUMN``, or without anything, a classifier
is trained first and kept in the file. It needs ``pip install fastapi uvicorn prometheus-client``.

.. code-block:: bash

    python service.py tickets.skops --port 8000

The answer to a text is its label, the probability of that label and the three likeliest labels; where the probability
is too low, the label is null. What is too low is said by ``--min-confidence``, or by a
:class:`~sksetfit.RejectClassifier` in the file.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import uvicorn
from answers import Answer, Model
from batching import Batcher, BatchFailedError, QueueFullError
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from middleware import BodyLimit, Measured
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import generate_latest as metrics_as_text
from pydantic import BaseModel, FailFast

from sksetfit import FewShotSplit, RejectClassifier, SetFitClassifier, dump

logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Limits:
    """What the service takes, and how it batches."""

    texts: int = 64  # of a request
    characters: int = 10_000  # of a text
    body_bytes: int = 1_000_000
    body_seconds: float = 10.0  # in which a body must arrive
    waiting: int = 1_024  # texts in the queue
    batch: int = 64  # texts that are answered together
    wait_seconds: float = 0.005  # that a request waits for others


class Texts(BaseModel):
    texts: Annotated[list[str], FailFast()]  # else each of 500,000 wrong ones is an error of its own


class Answers(BaseModel):
    answers: list[Answer]


# %%
# The service
# -----------


class Service:
    """What the endpoints share: limits, counts and, once it is loaded, the model behind its batcher."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.batcher: Batcher | None = None
        self.failure: str | None = None  # why there will be no model
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "classifier_requests", "Requests to /predict by the status of their answer", ["status"], registry=registry
        )
        self.seconds = Histogram("classifier_request_seconds", "From a request to its answer", registry=registry)
        self.texts = Counter("classifier_texts", "Texts answered", registry=registry)
        self.not_sure = Counter("classifier_not_sure", "Texts answered with not sure", registry=registry)
        sizes = [2**power for power in range(11)]
        self.batches = Histogram("classifier_batch_texts", "Texts of a batch", buckets=sizes, registry=registry)
        waiting = Gauge("classifier_waiting_texts", "Texts in the queue", registry=registry)
        waiting.set_function(lambda: self.batcher.n_waiting if self.batcher else 0)

    async def load(self, thread: ThreadPoolExecutor, file: Path, min_confidence: float | None) -> None:
        """Load the model in the thread that will use it."""
        model = await asyncio.get_running_loop().run_in_executor(thread, Model, file, min_confidence)

        def answer(texts: list[str]) -> list[Answer]:
            self.batches.observe(len(texts))
            return model.answer(texts)

        limits = self.limits
        self.batcher = Batcher(
            thread,
            answer,
            max_texts=limits.batch,
            wait_seconds=limits.wait_seconds,
            max_waiting=limits.waiting,
        )


router = APIRouter()


@router.post("/predict")
async def predict(request: Request, question: Texts) -> Answers:
    """Answer each text with a label, or with null where it is not sure."""
    service: Service = request.app.state.service
    check(question.texts, service.limits)
    if service.batcher is None:
        raise HTTPException(503, "The model is being loaded.", headers={"Retry-After": "5"})
    try:
        answers = await unless_gone(request, service.batcher.answer(question.texts))
    except QueueFullError:
        why = f"{service.limits.waiting} texts may wait, and there is no room for these."
        raise HTTPException(503, why, headers={"Retry-After": "1"}) from None
    except BatchFailedError:
        raise HTTPException(500, "The texts could not be answered.") from None
    service.texts.inc(len(answers))
    service.not_sure.inc(sum(answer.not_sure for answer in answers))
    return Answers(answers=answers)


def check(texts: list[str], limits: Limits) -> None:
    """Refuse more or longer texts than the service takes."""
    if not 1 <= len(texts) <= limits.texts:
        raise HTTPException(422, f"texts must hold 1 to {limits.texts} texts, got {len(texts)}.")
    for number, text in enumerate(texts):
        if len(text) > limits.characters:
            why = f"A text may have {limits.characters} characters, and text {number} has {len(text)}."
            raise HTTPException(422, why)
        try:
            text.encode()
        except UnicodeEncodeError:  # would fail in the model, and with it the texts of others
            raise HTTPException(422, f"Text {number} holds half a surrogate pair, which is no character.") from None


async def unless_gone(request: Request, answering: Any) -> list[Answer]:
    """Return the answers, or take the texts out of the queue when the client goes away."""

    async def disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answers, gone = asyncio.create_task(answering), asyncio.create_task(disconnected())
    try:
        await asyncio.wait({answers, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answers.done():
            raise HTTPException(499, "The client has gone.")
        return answers.result()
    finally:
        answers.cancel()
        gone.cancel()


@router.get("/health")
async def health(request: Request, response: Response) -> dict[str, str]:
    """Tell whether texts are answered: 200 if so, 503 if not yet or never."""
    service: Service = request.app.state.service
    if service.batcher is not None and service.batcher.is_running:
        return {"status": "ready"}
    response.status_code = 503
    return {"status": "loading" if service.batcher is None and service.failure is None else "failed"}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the counts in the form that Prometheus reads."""
    return Response(metrics_as_text(request.app.state.service.registry), media_type=CONTENT_TYPE_LATEST)


async def invalid(request: Request, error: Any) -> JSONResponse:
    """Say what is wrong with a body, without quoting it."""
    return JSONResponse({"detail": [{"loc": one["loc"], "msg": one["msg"]} for one in error.errors()[:3]]}, 422)


def create_app(
    model_path: str | Path,
    *,
    min_confidence: float | None = None,
    limits: Limits | None = None,
    n_threads: int = 2,
    on_failure: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Return the service as an ASGI application, which loads its model when it is started.

    Parameters
    ----------
    model_path : str or Path
        A file that `sksetfit.dump` wrote.
    min_confidence : float or None, default=None
        The lowest probability that is answered. None: the threshold of a `RejectClassifier`, else 0.
    limits : Limits or None, default=None
        What is taken, and how it is batched.
    n_threads : int, default=2
        On how many threads torch computes, in the whole process.
    on_failure : callable, default does nothing
        Called if the model cannot be loaded; ``app.state.service.failure`` says why.
    """
    service = Service(limits or Limits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        thread = ThreadPoolExecutor(1, "model", torch.set_num_threads, (n_threads,))

        async def start() -> None:
            try:
                await service.load(thread, Path(model_path), min_confidence)
                logger.info("%s is loaded", model_path)
            except BaseException as error:  # a panic of compiled code is no Exception
                if isinstance(error, asyncio.CancelledError):
                    raise
                service.failure = str(error)
                logger.error("%s cannot be served: %s", model_path, error)
                on_failure()

        loading = asyncio.create_task(start())
        yield
        await loading
        if service.batcher is not None:
            await service.batcher.close()
        thread.shutdown()

    app = FastAPI(title="Text classification", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    app.include_router(router)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_middleware(BodyLimit, max_bytes=service.limits.body_bytes, max_seconds=service.limits.body_seconds)
    app.add_middleware(Measured, path="/predict", requests=service.requests, seconds=service.seconds)
    return app


# %%
# From the command line
# ---------------------


def train(options: argparse.Namespace, file: Path) -> None:
    """Train on eight texts of each class, find on others when it is sure enough, and keep it."""
    try:
        from own_data import n_to_train, read_texts
    except ModuleNotFoundError:
        raise SystemExit(
            "To train, copy examples/own_data.py beside service.py; or name a file that sksetfit.dump wrote."
        ) from None
    X, y = read_texts(options)
    split = FewShotSplit(n_to_train(y, 8), n_splits=1, too_few="take_all", random_state=options.seed)
    few, others = next(split.split(X, y))
    print(f"training on {len(few)} texts of {y.nunique()} classes ...", flush=True)
    classifier = SetFitClassifier(options.model, random_state=options.seed).fit(X.iloc[few], y.iloc[few])
    others = np.random.RandomState(options.seed).permutation(others)[:500]
    sure = RejectClassifier(classifier, precision=0.9, cv="prefit").fit(X.iloc[others], y.iloc[others])
    dump(sure, file)
    print(
        f"of other texts {sure.coverage_:.0%} are answered, and {sure.precision_:.0%} of the answers are right; "
        f"kept in {file}"
    )


def model_file(options: argparse.Namespace) -> Path:
    """Return the file to be served, after it has been trained where that was asked for."""
    file = options.file or Path("tickets.skops" if options.data is None else f"{options.data.stem}.skops")
    if options.data is not None and file.exists():
        raise SystemExit(f"{file} is there already. Serve it without --data, or name another file to be trained.")
    if options.data is None and options.file is not None and not file.exists():
        raise SystemExit(f"There is no file {file}.")
    if file.exists():
        print(f"{file} is served")
    else:
        train(options, file)
    return file


def need_port(host: str, port: int) -> None:
    """End if nobody can listen there, before anything that takes long."""
    if port not in range(65536):
        raise SystemExit(f"--port must be a number up to 65535, got {port}.")
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise SystemExit(f"--port: the service cannot listen on {host}, port {port}: {error}. Name another.") from None


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A saved classifier as a service")
    parser.add_argument(
        "--data", type=Path, metavar="FILE.csv", help="texts to train on; otherwise the shipped tickets"
    )
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column of texts (%(default)s)")
    parser.add_argument("--label", default="category", metavar="COLUMN", help="the column of labels (%(default)s)")
    model = SetFitClassifier().model
    parser.add_argument("--model", default=model, help="the Sentence Transformer to train (%(default)s)")
    parser.add_argument("file", nargs="?", type=Path, metavar="model.skops", help="a file that sksetfit.dump wrote")
    parser.add_argument("--host", default="127.0.0.1", help="whom to listen to (%(default)s: this machine only)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--min-confidence", type=float, metavar="P", help="below it, the answer is not sure")
    parser.add_argument("--threads", type=int, default=2, help="on which the model computes (%(default)s)")
    parser.add_argument("--batch", type=int, default=Limits.batch, help="texts answered together (%(default)s)")
    parser.add_argument("--wait-ms", type=float, default=1000 * Limits.wait_seconds, help="for others (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = read_options(arguments)
    need_port(options.host, options.port)
    app = create_app(
        model_file(options),
        min_confidence=options.min_confidence,
        limits=Limits(batch=options.batch, wait_seconds=options.wait_ms / 1000),
        n_threads=options.threads,
        on_failure=lambda: setattr(server, "should_exit", True),
    )
    who = "this machine only" if options.host in {"127.0.0.1", "localhost", "::1"} else "all who reach it, unasked"
    print(f"listening on {options.host}, port {options.port}, to {who}", flush=True)
    # No log of requests: an address may hold a text that was sent to the wrong place.
    config = uvicorn.Config(app, options.host, options.port, access_log=False, timeout_graceful_shutdown=30)
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # Ctrl-C, after the requests under way
        server.run()
    if app.state.service.failure is not None:
        raise SystemExit(1)


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent))  # where own_data is, unless it was copied along
    main()
