"""The example of a service: uvicorn on a port of this machine, asked as a client would."""

import asyncio
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from conftest import make_texts
from sksetfit import RejectClassifier, SetFitEncoder, dump

for package in ("fastapi", "prometheus_client"):
    pytest.importorskip(package)
httpx, uvicorn = pytest.importorskip("httpx"), pytest.importorskip("uvicorn")

FOLDER = Path(__file__).parents[2] / "examples" / "service"
TOO_LONG = 30  # seconds, after which a test fails that would wait for ever
TEXTS = make_texts(3, seed=1)[0]


@pytest.fixture(scope="module")
def example():
    """The modules of the example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import answers
        import batching
        import service

        service.answers, service.batching = answers, batching
        yield service


def until(is_so):
    deadline = time.monotonic() + TOO_LONG
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# The batcher


def batched(example, function, ask, **options):
    """Run ``ask``, a coroutine function, with a batcher, and return what it returns."""

    async def main():
        with ThreadPoolExecutor(1) as thread:
            limits = {"max_texts": 8, "wait_seconds": 0.01, "max_waiting": 100, **options}
            batcher = example.batching.Batcher(thread, function, **limits)
            async with asyncio.timeout(TOO_LONG):
                found = await ask(batcher)
                await batcher.close()
            return found

    return asyncio.run(main())


class Shouting:
    """Answers texts in capitals, and keeps the batches."""

    def __init__(self):
        self.batches = []

    def __call__(self, texts):
        self.batches.append(texts)
        if "bad" in texts:
            raise ValueError(f"one of {texts} is bad")
        return [text.upper() for text in texts]


@pytest.fixture
def shouting():
    return Shouting()


def all_of(*questions):
    """Return what asks these at the same time."""
    return lambda batcher: asyncio.gather(*map(batcher.answer, questions), return_exceptions=True)


def test_concurrent_requests_share_a_batch(example, shouting):
    assert batched(example, shouting, all_of(["a", "b"], ["c"], ["d"])) == [["A", "B"], ["C"], ["D"]]
    assert shouting.batches == [["a", "b", "c", "d"]]


def test_a_batch_holds_whole_requests_and_no_more_texts_than_it_may(example, shouting):
    questions = [["a", "b"], ["c", "d"], ["e"], ["f", "g", "h", "i", "j"], ["k"]]
    batched(example, shouting, all_of(*questions), max_texts=4)
    assert shouting.batches == [["a", "b", "c", "d"], ["e"], ["f", "g", "h", "i", "j"], ["k"]]


def test_single_request_waits_at_most_wait_ms(example, shouting):
    assert batched(example, shouting, all_of(["a"])) == [["A"]]
    assert batched(example, shouting, all_of(["a"], ["b"]), max_texts=1, wait_seconds=10 * TOO_LONG) == [["A"], ["B"]]
    assert shouting.batches == [["a"], ["a"], ["b"]]


def test_a_failure_is_told_to_its_batch_only_and_quotes_no_text(example, shouting, caplog):
    found = batched(example, shouting, all_of(["a secret", "bad"], ["b"], ["c"]), max_texts=3)
    failure = example.BatchFailedError
    assert [type(answers) for answers in found] == [failure, failure, list]
    assert "ValueError in a batch of 3 texts" in caplog.text
    assert "a secret" not in caplog.text


def test_answers_that_are_too_few_are_a_failure(example):
    (found,) = batched(example, lambda texts: texts[1:], all_of(["a", "b"]))
    assert isinstance(found, example.BatchFailedError)


class PanicError(BaseException):
    """What compiled code raises is not always an Exception."""


def test_a_panic_is_a_failure_of_its_batch_and_not_the_end(example, caplog):
    def panicking(texts):
        if "bad" in texts:
            raise PanicError(f"one of {texts} is bad")
        return texts

    async def ask(batcher):
        with pytest.raises(example.BatchFailedError):
            await batcher.answer(["a secret", "bad"])
        assert batcher.is_running
        return await batcher.answer(["a"])

    assert batched(example, panicking, ask) == ["a"]
    assert "PanicError in a batch of 2 texts" in caplog.text
    assert "a secret" not in caplog.text


def test_nothing_waits_for_a_task_that_has_ended(example, shouting):
    async def main():
        with ThreadPoolExecutor(1) as thread:
            batcher = example.batching.Batcher(thread, shouting, max_texts=1, wait_seconds=0, max_waiting=9)
            await asyncio.sleep(0)
            batcher._task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batcher._task
            assert not batcher.is_running
            with pytest.raises(example.BatchFailedError):
                await batcher.answer(["a"])

    asyncio.run(main())


def test_a_request_that_is_cancelled_leaves_the_queue_and_its_batch(example, shouting):
    async def ask(batcher):
        kept, left = (asyncio.create_task(batcher.answer([text])) for text in "ab")
        await asyncio.sleep(0)
        assert batcher.n_waiting == 2
        left.cancel()
        assert await kept == ["A"]
        assert left.cancelled()
        assert batcher.n_waiting == 0

    batched(example, shouting, ask)
    assert shouting.batches == [["a"]]


def test_cancelled_request_leaves_others_unaffected(example):
    begun, go_on = threading.Event(), threading.Event()

    def slow(texts):
        begun.set()
        assert go_on.wait(TOO_LONG)
        return texts

    async def ask(batcher):
        kept, left = (asyncio.create_task(batcher.answer([text])) for text in "ab")
        while not begun.is_set():
            await asyncio.sleep(0.001)
        left.cancel()
        await asyncio.sleep(0)
        go_on.set()
        assert await kept == ["a"]
        assert await batcher.answer(["c"]) == ["c"]

    batched(example, slow, ask)


def test_close_answers_waiting_requests_only(example, shouting):
    async def ask(batcher):
        waiting = asyncio.create_task(batcher.answer(["a"]))
        await asyncio.sleep(0)
        await batcher.close()
        with pytest.raises(example.QueueFullError):
            await batcher.answer(["b"])
        return await waiting

    assert batched(example, shouting, ask, wait_seconds=10 * TOO_LONG) == ["A"]


def test_more_texts_than_may_wait_are_refused(example, shouting):
    first, second, third = batched(example, shouting, all_of(["a", "b"], ["c", "d"], ["e"]), max_waiting=3)
    assert (first, third) == (["A", "B"], ["E"])
    assert isinstance(second, example.QueueFullError)


# The service


@pytest.fixture(scope="module")
def file(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "model.skops"
    dump(fitted, path)
    return path


@contextmanager
def served(example, file, **options):
    """Run uvicorn in a thread on a free port, and yield a client and the server."""
    app = example.create_app(file, n_threads=1, **options)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive())
            with httpx.Client(base_url=address, timeout=TOO_LONG) as client:
                yield client, server
        finally:
            server.should_exit = True
            thread.join(TOO_LONG)
            assert not thread.is_alive()


def is_ready(client):
    return client.get("/health").status_code == 200


def ask(client, *texts):
    return client.post("/predict", json={"texts": texts})


def counted(client, metric):
    return float(re.search(rf"^{re.escape(metric)} (\S+)$", client.get("/metrics").text, re.MULTILINE)[1])


@pytest.fixture(scope="module")
def client(example, file):
    limits = example.Limits(texts=4, characters=50, body_bytes=1000)
    with served(example, file, limits=limits, min_confidence=0.9) as (client, _):
        until(lambda: is_ready(client))
        yield client


class Gate:
    """A classifier that counts the batches it has begun, and answers when it is let."""

    classes_ = np.array([1, 2])

    def __init__(self):
        self.batches, self.open = [], threading.Event()
        self.open.set()

    def predict(self, texts):
        return np.ones(len(texts))

    def predict_proba(self, texts):
        self.batches.append(list(texts))
        assert self.open.wait(TOO_LONG)
        if "bad" in texts:
            raise ValueError("bad")
        return np.tile([0.3, 0.7], (len(texts), 1))


@pytest.fixture
def gate(example, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(example.answers, "load", lambda file: gate)
    return gate


@contextmanager
def waiting_at(gate, client, *requests):
    """Yield futures of a first request, which the gate holds, and of others, which wait behind it."""
    until(lambda: is_ready(client))
    gate.batches.clear()
    gate.open.clear()
    with ThreadPoolExecutor(20) as threads:
        try:
            asked = [threads.submit(ask, client, "first")]
            until(lambda: gate.batches)
            asked += [threads.submit(ask, client, *texts) for texts in requests]
            n_waiting = sum(map(len, requests))
            until(lambda: counted(client, "classifier_waiting_texts") == n_waiting)
            yield asked
        finally:
            gate.open.set()


def test_answers_are_those_of_the_classifier(client, fitted):
    for start in range(0, len(TEXTS), 3):
        texts = TEXTS[start : start + 3]
        answers = ask(client, *texts).json()["answers"]
        probabilities = fitted.predict_proba(texts)
        assert [answer["likeliest"][0]["label"] for answer in answers] == fitted.predict(texts).tolist()
        for answer, row in zip(answers, probabilities, strict=True):
            found = {one["label"]: one["probability"] for one in answer["likeliest"]}
            assert found == pytest.approx(dict(zip(fitted.classes_, row, strict=True)), abs=1e-4)
            assert answer["probability"] == max(found.values())


def test_where_it_is_not_sure_the_label_is_null(client, fitted):
    before = counted(client, "classifier_not_sure_total")
    texts = [*TEXTS[:3], "?"]
    sure = fitted.predict_proba(texts).max(axis=1) >= 0.9
    assert 0 < sure.sum() < 4
    answers = ask(client, *texts).json()["answers"]
    assert [answer["label"] is not None for answer in answers] == sure.tolist()
    assert [not answer["not_sure"] for answer in answers] == sure.tolist()
    assert counted(client, "classifier_not_sure_total") == before + (~sure).sum()


def test_service_uses_reject_threshold_by_default(example, fitted, tmp_path):
    rejecting = RejectClassifier(fitted, coverage=0.5, cv="prefit").fit(*make_texts(10, seed=2))
    dump(rejecting, tmp_path / "model.skops")
    texts = make_texts(10, seed=3)[0]
    expected = [None if label == "not sure" else label for label in rejecting.predict(texts)]
    assert 0 < expected.count(None) < len(texts)
    answers = example.Model(tmp_path / "model.skops", None).answer(texts)
    assert [answer.label for answer in answers] == expected
    answers = example.Model(tmp_path / "model.skops", 0.0).answer(texts)
    assert [answer.label for answer in answers] == fitted.predict(texts).tolist()


def test_labels_that_are_numbers_stay_numbers(example, gate):
    with served(example, "any") as (client, _):
        until(lambda: is_ready(client))
        assert ask(client, "a").json()["answers"] == [
            {
                "label": 2,
                "not_sure": False,
                "probability": 0.7,
                "likeliest": [{"label": 2, "probability": 0.7}, {"label": 1, "probability": 0.3}],
            }
        ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"texts": ["cheese"', "JSON decode error"),
        (b'{"text": ["cheese"]}', "Field required"),
        (b'{"texts": "cheese"}', "valid list"),
        (b'{"texts": ["a", 1]}', "valid string"),
        (b'["cheese"]', "valid dictionary"),
        (b'{"texts": []}', "1 to 4 texts, got 0"),
        (b'{"texts": ["a", "a", "a", "a", "a"]}', "1 to 4 texts, got 5"),
        (b'{"texts": ["a", "%s"]}' % (51 * b"e"), "50 characters, and text 1 has 51"),
        (b'{"texts": ["a", "\\ud800"]}', "Text 1 holds half a surrogate pair"),
    ],
)
def test_what_is_no_question_is_refused_with_the_reason_and_not_quoted(client, body, message):
    before = counted(client, "classifier_texts_total")
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert message in answer.text
    assert "cheese" not in answer.text
    assert counted(client, "classifier_texts_total") == before


def test_many_wrong_texts_are_one_error(example, gate):
    with served(example, "any") as (client, _):
        body = b'{"texts": [' + b"1," * 300_000 + b"1]}"
        began = time.perf_counter()
        answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
        assert time.perf_counter() - began < 5
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) == 1


def test_no_other_address_is_redirected_to(client):
    assert client.post("/predict/", json={"texts": ["a"]}).status_code == 404


def test_a_body_that_nests_deeply_is_refused(client):
    answer = client.post("/predict", content=b"[" * 990, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert ask(client, "a").status_code == 200


@pytest.mark.parametrize("n_bytes", [1001, 5000, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused(client, n_bytes, chunked):
    body = b'{"texts": ["%s"]}' % (n_bytes * b" ")
    pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
    try:
        answer = client.post(
            "/predict", content=pieces if chunked else body, headers={"Content-Type": "application/json"}
        )
    except httpx.TransportError:  # was cut off while it sent
        assert n_bytes > 10_000
    else:
        assert answer.status_code == 413
        assert "more than 1000 bytes" in answer.json()["detail"]
    assert ask(client, "a").status_code == 200


@pytest.mark.parametrize("sent", [b"", b'{"texts": ['])
def test_a_body_that_does_not_arrive_closes_its_connection(example, gate, sent):
    with served(example, "any", limits=example.Limits(body_seconds=0.3)) as (client, _):
        until(lambda: is_ready(client))
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=TOO_LONG) as slow:
            head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            slow.sendall(head + sent)
            received = b"".join(iter(lambda: slow.recv(1000), b""))  # until it is closed
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.3 seconds" in received
        assert ask(client, "a").status_code == 200


def test_an_answer_may_take_longer_than_a_body(example, gate):
    with (
        served(example, "any", limits=example.Limits(body_seconds=0.3)) as (client, _),
        waiting_at(gate, client, ["a"]) as asked,
    ):
        time.sleep(0.5)
        gate.open.set()
        assert asked[0].result().status_code == 200


def test_requests_are_counted_by_status_and_texts_once(client):
    names = ['classifier_requests_total{status="200"}', "classifier_texts_total", "classifier_batch_texts_sum"]
    names += ["classifier_request_seconds_count", "classifier_batch_texts_count"]
    ask(client, "a")
    before = [counted(client, name) for name in names]
    ask(client, "a", "b")
    ask(client, "c")
    assert [counted(client, name) - was for name, was in zip(names, before, strict=True)] == [2, 3, 3, 2, 2]


def test_requests_that_come_together_are_one_batch(example, gate):
    with (
        served(example, "any") as (client, _),
        waiting_at(gate, client, *([f"text {number}"] for number in range(8))) as asked,
    ):
        gate.open.set()
        assert {answer.result().status_code for answer in asked} == {200}
    assert [len(batch) for batch in gate.batches] == [1, 8]


def test_a_full_queue_says_when_to_come_again(example, gate):
    with (
        served(example, "any", limits=example.Limits(waiting=3)) as (client, _),
        waiting_at(gate, client, ["a", "b"]) as asked,
    ):
        refused = ask(client, "c", "d")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert "3 texts may wait" in refused.json()["detail"]
        gate.open.set()
        assert [answer.result().status_code for answer in asked] == [200, 200]
        assert counted(client, 'classifier_requests_total{status="503"}') == 1


def test_a_client_that_goes_away_leaves_the_queue(example, gate):
    with served(example, "any") as (client, _), waiting_at(gate, client) as asked:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/predict", json={"texts": ["left"]}, timeout=0.2)
        until(lambda: counted(client, "classifier_waiting_texts") == 0)
        gate.open.set()
        assert asked[0].result().status_code == 200
        assert counted(client, 'classifier_requests_total{status="499"}') == 1
    assert gate.batches == [["first"]]


def test_the_service_lives_on_after_a_batch_that_failed_and_logs_no_text(example, gate, caplog):
    caplog.set_level(logging.DEBUG)
    with served(example, "any") as (client, _):
        until(lambda: is_ready(client))
        answer = ask(client, "my secret", "bad")
        assert (answer.status_code, answer.json()) == (500, {"detail": "The texts could not be answered."})
        assert ask(client, "good").status_code == 200
    assert "ValueError in a batch of 2 texts" in caplog.text
    assert "my secret" not in caplog.text


def test_it_is_ready_when_the_model_has_answered_and_not_before(example, gate):
    gate.open.clear()
    with served(example, "any") as (client, _):
        assert client.get("/health").json() == {"status": "loading"}
        assert client.get("/health").status_code == 503
        early = ask(client, "a")
        assert (early.status_code, early.headers["Retry-After"]) == (503, "5")
        until(lambda: gate.batches)  # the warm-up
        gate.open.set()
        until(lambda: is_ready(client))
        assert client.get("/health").json() == {"status": "ready"}
        assert ask(client, "a").status_code == 200


def test_it_is_not_healthy_once_nothing_is_answered_any_more(example, gate):
    with served(example, "any") as (client, server):
        until(lambda: is_ready(client))
        service = server.config.app.state.service
        running, service.batcher = service.batcher, SimpleNamespace(is_running=False, n_waiting=0)
        answer = client.get("/health")
        service.batcher = running
    assert (answer.status_code, answer.json()) == (503, {"status": "failed"})


def test_a_file_that_is_no_model_is_never_ready(example, tmp_path, caplog):
    (tmp_path / "model.skops").write_bytes(b"nothing")
    failures = []
    with served(example, tmp_path / "model.skops", on_failure=lambda: failures.append(1)) as (client, _):
        until(lambda: failures)
        assert client.get("/health").json() == {"status": "failed"}
        assert ask(client, "a").status_code == 503
    assert "is no sksetfit model, or is damaged" in caplog.text


def test_a_confidence_that_is_no_probability_is_refused(example, file):
    with pytest.raises(ValueError, match="between 0 and 1, got 90"):
        example.Model(file, 90)


def test_a_model_that_has_no_probabilities_or_several_labels_is_refused(example, tiny_model, tiny_classifier, tmp_path):
    texts, labels = make_texts(2)
    encoder = SetFitEncoder(tiny_model, max_steps=0).fit(texts, labels)
    dump(encoder, tmp_path / "encoder.skops")
    with pytest.raises(ValueError, match="has no predict_proba"):
        example.Model(tmp_path / "encoder.skops", None)
    dump(tiny_classifier.fit(texts, np.eye(3, dtype=int).repeat(2, axis=0)), tmp_path / "several.skops")
    with pytest.raises(ValueError, match="several labels per text"):
        example.Model(tmp_path / "several.skops", None)


def test_requests_under_way_are_answered_when_it_is_stopped(example, gate):
    with (
        served(example, "any") as (client, server),
        waiting_at(gate, client, ["second", "third"]) as asked,
    ):
        server.should_exit = True
        until(lambda: not server.servers[0].is_serving() if server.servers else True)
        time.sleep(0.3)  # while uvicorn waits for them
        gate.open.set()
        assert [answer.result().status_code for answer in asked] == [200, 200]
        assert len(asked[1].result().json()["answers"]) == 2


# The command


def test_a_file_that_is_there_is_served_and_not_trained_over(example, tmp_path):
    with pytest.raises(SystemExit, match="There is no file"):
        example.main([str(tmp_path / "nowhere.skops"), "--port", "0"])
    (tmp_path / "there.skops").touch()
    with pytest.raises(SystemExit, match="is there already"):
        example.main([str(tmp_path / "there.skops"), "--data", "any.csv", "--port", "0"])


def test_a_port_that_is_taken_is_told_before_anything_else(example, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit, match=f"cannot listen on 127.0.0.1, port {port}: .*in use"):
            example.main([str(tmp_path / "nowhere.skops"), "--port", port])
    with pytest.raises(SystemExit, match="--port must be a number up to 65535, got 70000"):
        example.main([str(tmp_path / "nowhere.skops"), "--port", "70000"])


def test_a_copied_folder_says_what_it_needs_to_train(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "own_data", None)  # as where it was not copied
    with pytest.raises(SystemExit, match=r"copy examples/own_data.py beside service.py"):
        example.main(["--port", "0"])


@pytest.fixture
def alone():
    """What starts the service in a process, whose end is seen to."""
    processes = []

    def start(*options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, FOLDER / "service.py", *options, "--port", str(port)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        processes.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_command_trains_serves_and_stops(alone, tiny_model, tmp_path):
    texts, labels = make_texts(12)
    rows = [f"{text},{label}" for text, label in zip(texts, labels, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["words,topic", *rows]))
    options = ["--data", tmp_path / "own.csv", "--text", "words", "--label", "topic", "--model", tiny_model]
    process, address = alone(tmp_path / "own.skops", *options)

    def ready():
        assert process.poll() is None, process.communicate()
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            return False

    deadline = time.monotonic() + 4 * TOO_LONG
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    answers = httpx.post(f"{address}/predict", json={"texts": texts[:3]}).json()["answers"]
    assert {answer["likeliest"][0]["label"] for answer in answers} <= set(labels)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0
    assert "Traceback" not in printed
    assert "to this machine only" in printed
    assert texts[0] not in printed
    assert (tmp_path / "own.skops").exists()


@pytest.mark.slow
def test_the_load_test_writes_a_row_for_each_number_of_clients(file, tmp_path):
    texts, labels = make_texts(5)
    pd.DataFrame({"words": texts, "topic": labels}).to_csv(tmp_path / "own.csv", index=False)
    options = ["--data", tmp_path / "own.csv", "--text", "words"]
    options += ["--clients", "1", "3", "--requests", "12", "--seconds", "5", "--rounds", "2"]
    options += ["--results", tmp_path / "rows.csv"]
    copied = shutil.copytree(FOLDER, tmp_path / "copied")  # which needs nothing that lies beside it
    command = [sys.executable, copied / "load_test.py", file, *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert rows["way"].tolist() == 2 * (["model alone"] + 2 * ["batching", "batches of one"])
    assert rows["clients"].tolist() == 2 * [1, 1, 1, 3, 3]
    assert (rows["errors"] == 0).all()
    assert rows["requests"].between(1, 12).all()
    assert (rows["mean_batch"][(rows["clients"] == 1) | (rows["way"] != "batching")] == 1).all()
    assert (rows["median_ms"] <= rows["p99_ms"]).all()
    assert rows["versions"].str.contains("fastapi").all()


@pytest.mark.slow
def test_the_command_ends_where_the_file_is_no_model(alone, tmp_path):
    (tmp_path / "model.skops").write_bytes(b"nothing")
    process, _ = alone(tmp_path / "model.skops")
    printed, _ = process.communicate(timeout=4 * TOO_LONG)
    assert process.returncode == 1
    assert "cannot be served" in printed
