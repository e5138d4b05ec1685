"""
How many requests the service answers, with batching and without
================================================================

Starts ``service.py`` on a free port of this machine and has 1, 4, 16 and 64 clients ask it, each with one text at a
time and the next one as soon as it has its answer: with batching and with batches of one. Beside it stands the model
without a service, answering one text after the other in this process. The rows go to ``load_test.csv``. The clients
compute on the same machine; the processor time is that of the service alone. It needs ``pip install httpx``.

.. code-block:: bash

    python load_test.py tickets.skops
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import itertools
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from sksetfit import load_tickets

HERE = Path(__file__).parent
TO_START = 120  # seconds
COUNTS = {
    "batches": "classifier_batch_texts_count",
    "batched": "classifier_batch_texts_sum",
    "processor": "process_cpu_seconds_total",
}


@contextmanager
def service(file: Path, *options: str) -> Iterator[str]:
    """Start the service as a process, yield its address once it is ready, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, HERE / "service.py", file, "--port", str(port), *options])
    try:
        wait_until_ready(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TO_START)
        finally:
            process.kill()


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the service answers, or give up."""
    deadline = time.monotonic() + TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("The service did not become ready.")


def counts(address: str) -> dict[str, float]:
    """Return what the service has counted so far."""
    text = httpx.get(f"{address}/metrics").text
    return {name: float(re.search(rf"^{metric} (\S+)$", text, re.MULTILINE)[1]) for name, metric in COUNTS.items()}


async def ask(address: str, texts: list[str], n_clients: int, n_requests: int, seconds: float) -> tuple[list[Any], int]:
    """Return the milliseconds of each answer and the number of errors, of so many requests or seconds."""
    remaining = iter(range(n_requests))
    milliseconds, n_errors = [], 0
    deadline = time.perf_counter() + seconds

    async def client(number: int) -> None:
        nonlocal n_errors
        own = itertools.islice(itertools.cycle(texts), number, None, n_clients)
        async with httpx.AsyncClient(timeout=60) as http:
            while time.perf_counter() < deadline and next(remaining, None) is not None:
                began = time.perf_counter()
                answer = await http.post(f"{address}/predict", json={"texts": [next(own)]})
                milliseconds.append(1000 * (time.perf_counter() - began))
                n_errors += answer.status_code != 200

    await asyncio.gather(*(client(number) for number in range(n_clients)))
    return milliseconds, n_errors


def measure_service(address: str, texts: list[str], n_clients: int, options: argparse.Namespace) -> dict[str, Any]:
    asyncio.run(ask(address, texts, n_clients, 2 * n_clients, 5))  # not measured: connections, first shapes
    before, began = counts(address), time.perf_counter()
    milliseconds, n_errors = asyncio.run(ask(address, texts, n_clients, options.requests, options.seconds))
    seconds, after = time.perf_counter() - began, counts(address)
    n = {name: after[name] - before[name] for name in before}
    return {
        **summary(milliseconds, seconds),
        "errors": n_errors,
        "mean_batch": round(n["batched"] / n["batches"], 1),
        "processor_ms": round(1000 * n["processor"] / len(milliseconds), 1),
    }


def measure_model(file: Path, texts: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Answer one text after the other without a service."""
    import torch

    from sksetfit import load

    torch.set_num_threads(options.threads)
    classifier = load(file)
    classifier.predict_proba(texts[:20])
    milliseconds, began, processor = [], time.perf_counter(), time.process_time()
    for text in itertools.islice(itertools.cycle(texts), options.requests):
        start = time.perf_counter()
        classifier.predict_proba([text])
        milliseconds.append(1000 * (time.perf_counter() - start))
        if start > began + options.seconds:
            break
    processor = 1000 * (time.process_time() - processor) / len(milliseconds)
    found = summary(milliseconds, time.perf_counter() - began)
    return {**found, "errors": 0, "mean_batch": 1.0, "processor_ms": round(processor, 1)}


def summary(milliseconds: list[float], seconds: float) -> dict[str, Any]:
    percentiles = np.percentile(milliseconds, [50, 95, 99]).round(1)
    found = dict(zip(["median_ms", "p95_ms", "p99_ms"], percentiles.tolist(), strict=True))
    return {"requests": len(milliseconds), "per_second": round(len(milliseconds) / seconds, 1), **found}


def measure(options: argparse.Namespace, texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each round, way and number of clients; those to be compared are measured one after another."""
    threads = ["--threads", str(options.threads)]
    with service(options.file, *threads) as many, service(options.file, *threads, "--batch", "1") as one:
        for number in range(options.rounds):
            about = {"round": number, "way": "model alone", "clients": 1}
            yield {**about, **measure_model(options.file, texts, options)}
            for n_clients in options.clients:
                for way, address in {"batching": many, "batches of one": one}.items():
                    about = {"round": number, "way": way, "clients": n_clients}
                    yield {**about, **measure_service(address, texts, n_clients, options)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="How many requests the service answers, with batching and without")
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="texts to ask; otherwise the shipped tickets")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column of texts (%(default)s)")
    parser.add_argument("file", type=Path, metavar="model.skops")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--requests", type=int, default=1000, help="the most of each row (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="the longest of each row (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="on which the model computes (%(default)s)")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args(arguments)
    if not options.file.is_file():
        raise SystemExit(f"There is no file {options.file}: service.py makes one.")
    table = load_tickets(as_frame=True).frame if options.data is None else pd.read_csv(options.data, dtype="str")
    if options.text not in table:
        raise SystemExit(f"--text: there is no column {options.text!r}, but {', '.join(map(repr, table))}.")
    texts = table[options.text].dropna().sample(frac=1, random_state=0).tolist()
    rows = []
    for row in measure(options, texts):
        print(" ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        rows.append(row)
    found = pd.DataFrame(rows)
    medians = found.drop(columns="round").groupby(["way", "clients"], sort=False).median().round(1)
    print(f"\nmedians of {options.rounds} rounds\n\n{medians.to_string()}")
    about = {
        "threads": options.threads,
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
    }
    about |= {"machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"}
    found.assign(**about).to_csv(options.results, index=False)


def versions() -> str:
    packages = ["sksetfit", "torch", "sentence-transformers", "transformers", "fastapi", "uvicorn", "httpx"]
    found = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return "; ".join([*found, f"python {platform.python_version()}"])


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    main()
