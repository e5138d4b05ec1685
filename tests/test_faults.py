"""Behaviour under load and under faults: many threads, interruptions, memory that runs out, forks.

The contract of a single undisturbed estimator stands in test_estimator_checks.py, whose helpers serve here as well.
"""

import copy
import gc
import json
import locale
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from _thread import interrupt_main
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import module_from_spec
from pathlib import Path
from pkgutil import resolve_name
from weakref import WeakSet

import joblib
import numpy as np
import psutil
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.utils.validation import check_is_fitted

import sksetfit
from conftest import make_texts
from sksetfit import SetFitClassifier, SetFitEncoder, dump, load
from sksetfit.body.model import Body
from sksetfit.persistence import trust as trust_module
from sksetfit.training import run as run_module
from test_estimator_checks import answers, assert_same, assert_untouched, surroundings

TEXTS, LABELS = make_texts(8)
KINDS = [SetFitClassifier, SetFitEncoder]
PARAMETERS = {"max_steps": 4, "learning_rate": 1e-2, "random_state": 0}
pytestmark = pytest.mark.usefixtures("reading_anew")


@pytest.fixture(params=KINDS)
def estimator(request, tiny_model):
    """An unfitted estimator of each kind."""
    return request.param(tiny_model, **PARAMETERS)


@pytest.fixture
def classifier(tiny_model):
    return SetFitClassifier(tiny_model, **PARAMETERS)


# -- many threads at once

N_THREADS = 16


def at_once(functions):
    """Call each function in a thread of its own, all at the same time, and return what they return."""
    together = threading.Barrier(len(functions))

    def call(function):
        together.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_sixteen_threads_get_byte_for_byte_what_one_gets_in_every_round(classifier, precision):
    classifier.set_params(precision=precision).fit(TEXTS, LABELS)
    portions = [TEXTS[i:] + TEXTS[: i // 2] for i in range(N_THREADS // 2)]
    calls = [
        lambda method=method, texts=texts: getattr(classifier, method)(texts)
        for texts in portions
        for method in ("predict", "predict_proba")
    ]
    alone = [call().tobytes() for call in calls]
    for _ in range(10):
        assert [answer.tobytes() for answer in at_once(calls)] == alone


MANY = TEXTS * 200  # encoded once each, so that a call is quick and its matrix of embeddings large
MATRIX = len(MANY) * 32 * np.dtype(np.float32).itemsize  # 0.6 MB
ROUNDS = 5


def growth(call):
    """Return by how many bytes Python's and numpy's memory and the process grow while many threads call, again."""
    process = psutil.Process()
    at_once([call] * N_THREADS)
    gc.collect()
    resident = process.memory_info().rss
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            at_once([call] * N_THREADS)
        gc.collect()
        traced, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return traced, process.memory_info().rss - resident


def test_memory_does_not_grow_with_the_calls_of_many_threads(fitted):
    traced, resident = growth(lambda: (fitted.predict(MANY), fitted.predict_proba(MANY)))
    assert traced < MATRIX
    assert resident < N_THREADS * ROUNDS * MATRIX / 2


def test_the_measure_of_memory_sees_a_matrix_that_is_kept_of_each_call(fitted):
    kept = []
    traced, resident = growth(lambda: kept.append(fitted.encoder_.transform(MANY)))
    assert traced > N_THREADS * ROUNDS * MATRIX > MATRIX
    assert resident > N_THREADS * ROUNDS * MATRIX / 2


def test_refit_and_failed_fit_free_their_bodies(estimator, monkeypatch):
    bodies, load_body = WeakSet(), run_module.load_body

    def recording_load(*args, **kwargs):
        bodies.add(body := load_body(*args, **kwargs))
        return body

    monkeypatch.setattr(run_module, "load_body", recording_load)
    for _ in range(3):
        estimator.fit(TEXTS, LABELS)
    gc.collect()
    (kept,) = bodies
    for _ in range(3):
        with break_at("third step back", KeyboardInterrupt(), monkeypatch), suppress(KeyboardInterrupt):
            estimator.fit(TEXTS, LABELS)
    gc.collect()
    assert list(bodies) == [kept]


def test_parallel_fits_in_threads_equal_serial_fits(tiny_model, folder):
    changes = [
        {"random_state": 0},
        {"random_state": 1},
        {"random_state": 0, "precision": "bfloat16"},
        {"random_state": 0, "loss": "cosine"},
        {"random_state": 2, "max_steps": 10, "label_texts": None},
    ]
    unfitted = [kind(tiny_model, **PARAMETERS | change) for change in changes for kind in KINDS]
    alone = [answers(clone(estimator).fit(TEXTS, LABELS)) for estimator in unfitted]
    before = around(folder)
    together = at_once([lambda estimator=estimator: estimator.fit(TEXTS, LABELS) for estimator in unfitted])
    assert around(folder) == before
    for estimator, expected in zip(together, alone, strict=True):
        assert_same(answers(estimator), expected)


def test_fit_runs_while_threads_predict_and_dump(classifier, tmp_path):
    expected = answers(classifier.fit(TEXTS, LABELS))
    attributes = dict(vars(classifier))
    dump(classifier, tmp_path / "a.skops")  # the first one alone: see the test below

    def write(name):
        dump(classifier, tmp_path / name)
        return answers(load(tmp_path / name))

    calls = [
        lambda: answers(classifier),
        lambda: answers(pickle.loads(pickle.dumps(classifier))),
        lambda: answers(copy.deepcopy(classifier)),
        lambda: answers(clone(classifier).fit(TEXTS, LABELS)),
    ] * 3 + [lambda name=name: write(name) for name in ("a.skops", "b.skops", "a.skops")]
    for found in at_once(calls):
        assert_same(found, expected)
    assert_untouched(classifier, attributes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.skops", "b.skops"]


def test_the_first_files_of_a_process_may_be_read_in_threads(monkeypatch):
    at_first = module_from_spec(trust_module.__spec__)  # the module as it is before anything was read
    trust_module.__spec__.loader.exec_module(at_first)
    inside, most = [], []

    def walk():
        inside.append("a thread")
        most.append(len(inside))
        time.sleep(0.05)  # so that the others would come in
        inside.pop()
        return []

    monkeypatch.setattr(at_first, "all_estimators", walk)
    at_once([at_first.trusted_types] * 4)
    assert max(most) == 1


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_two_workers_find_what_one_finds(classifier, backend):
    X, y = make_texts(16)
    classifier.set_params(precision="float32")

    def found(n_jobs):
        search = GridSearchCV(classifier, {"head__C": [0.1, 10], "loss": ["supcon", "cosine"]}, cv=2, n_jobs=n_jobs)
        search.set_params(error_score="raise").fit(X, y)
        return {
            "scores": cross_val_score(classifier, X, y, cv=4, n_jobs=n_jobs, error_score="raise"),
            "probabilities": cross_val_predict(classifier, X, y, cv=2, n_jobs=n_jobs, method="predict_proba"),
            "search": search.cv_results_["mean_test_score"],
            "best": np.array([search.best_index_, search.best_score_]),
            "refit": search.predict_proba(X),
        }

    with joblib.parallel_config(backend):
        assert_same(found(n_jobs=2), found(n_jobs=1))


# -- a fit that breaks, at each of its places

PLACES = {  # what is called there, and the how-manieth call breaks
    "loading": ("sksetfit.body.loading.load.SentenceTransformer", 1),
    "tokenising": ("sksetfit.body.model.Body.tokenize", 1),
    "judging label texts": ("sksetfit.training.run.names_are_informative", 1),
    "first batch": ("sksetfit.training.run.balanced_batches", 1),
    "first text": ("sksetfit.body.model.Body.forward", 3),  # two are for the check of the label texts
    "third step back": ("torch.Tensor.backward", 3),
    "last step of AdamW": ("torch.optim.AdamW.step", 4),
    "after the tuning": ("sksetfit.training.run.trim_memory", 1),
}
PLACES_OF_CLASSIFIER = {
    "encoding for the head": ("sksetfit.body.model.Body.encode", 3),
    "building the head": ("sksetfit.classifier.build_head", 1),
    "fitting the head": ("sklearn.linear_model.LogisticRegression.fit", 1),
}


@contextmanager
def break_at(place, error, monkeypatch):
    """Let the call at a place of a fit raise inside, and tell that it was reached."""
    name, n_calls = (PLACES | PLACES_OF_CLASSIFIER)[place]
    original, calls = resolve_name(name), []

    def breaking(*args, **kwargs):
        calls.append(place)
        if len(calls) == n_calls:
            raise error
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(name, breaking)
        yield
    assert len(calls) == n_calls, f"{place} is no place of a fit any more"


class Frozen(int):
    """A number of objects left to no collection, equal to that before unless it has grown or fallen to zero."""

    def __eq__(self, before):
        return bool(self) == bool(before) and int(self) <= int(before)  # an object of them may be freed at any time

    __hash__ = int.__hash__


def around(folder):
    """Return what a caller has set up, and what the process holds of the system."""
    process = psutil.Process()
    return surroundings(folder) | {
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "child processes": process.children(recursive=True),
        "open files": sorted(each.path for each in process.open_files()),
        "descriptors": process.num_fds(),
        "print options": np.get_printoptions(),
        "locale": locale.setlocale(locale.LC_ALL),
        "collector": (gc.isenabled(), gc.get_threshold(), Frozen(gc.get_freeze_count())),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.excepthook, threading.excepthook),
        "torch's libraries": (torch.backends.mkldnn.enabled, torch.backends.cuda.matmul.allow_tf32),
        "torch's attention": (torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that is the current one and the one for temporary files."""
    get_reusable_executor(reuse=True).shutdown()  # idle processes of other tests would end at any time
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


ERRORS = [KeyboardInterrupt, MemoryError]
BREAKS = [
    *((kind, place, error) for kind in KINDS for place in PLACES for error in ERRORS),
    *((SetFitClassifier, place, error) for place in PLACES_OF_CLASSIFIER for error in ERRORS),
    *((kind, "loading", OSError) for kind in KINDS),
]


@pytest.fixture(scope="module")
def answering(tiny_model):
    """A fitted estimator of each kind, and its answers."""
    made = [kind(tiny_model, **PARAMETERS | {"random_state": 1}).fit(TEXTS, LABELS) for kind in KINDS]
    return {type(estimator): (estimator, answers(estimator)) for estimator in made}


@pytest.mark.parametrize(("kind", "place", "error"), BREAKS)
def test_failed_fit_changes_no_state(kind, place, error, answering, folder, monkeypatch):
    fitted, expected = copy.deepcopy(answering[kind])
    unfitted = clone(fitted).set_params(random_state=0)
    attributes, before = [dict(vars(estimator)) for estimator in (unfitted, fitted)], around(folder)
    told = ValueError if (place, error) == ("loading", OSError) else error  # of a file that cannot be read
    for estimator in (unfitted, fitted):
        with break_at(place, error("here"), monkeypatch), pytest.raises(told, match="here"):
            estimator.fit(TEXTS, LABELS)
    assert around(folder) == before
    for estimator, of_it in zip((unfitted, fitted), attributes, strict=True):
        assert_untouched(estimator, of_it)
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted)
    assert_same(answers(fitted), expected)


def test_a_fit_that_broke_is_made_again_as_if_nothing_had_been(estimator, monkeypatch):
    expected = answers(clone(estimator).fit(TEXTS, LABELS))
    with break_at("third step back", MemoryError("here"), monkeypatch), pytest.raises(MemoryError):
        estimator.fit(TEXTS, LABELS)
    assert_same(answers(estimator.fit(TEXTS, LABELS)), expected)


@pytest.fixture
def ctrl_c():
    """SIGINT raises KeyboardInterrupt, also in tests that a shell runs in the background and lets ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_fit_of_a_million_steps_at_once(estimator, folder):
    before = around(folder)
    timer = threading.Timer(0.5, interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        estimator.set_params(max_steps=10**6).fit(TEXTS, LABELS)
    timer.join()
    assert around(folder) == before
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("learning_rate", [1e6, 1e30])
def test_divergence_names_learning_rate_and_keeps_estimator(estimator, learning_rate, precision):
    estimator.set_params(precision=precision).fit(TEXTS, LABELS)
    expected, attributes = answers(estimator), dict(vars(estimator.set_params(learning_rate=learning_rate)))
    for again in (estimator, clone(estimator)):
        with pytest.raises(ValueError, match=r"diverged: .* Lower learning_rate \(it was 1(000000\.0|e\+30)\)\."):
            again.fit(TEXTS, LABELS)
    assert_untouched(estimator, attributes)
    assert_same(answers(estimator), expected)
    with pytest.raises(NotFittedError):
        check_is_fitted(again)


def test_a_learning_rate_that_makes_all_embeddings_equal_is_named(estimator):
    estimator.set_params(learning_rate=0.1, max_steps=12, precision="float32")
    with pytest.raises(ValueError, match=r"have become equal. Lower learning_rate \(it was 0.1"):
        estimator.fit(TEXTS, LABELS)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


def test_early_stopping_restores_weights_before_collapse(tiny_model):
    stopping = SetFitClassifier(tiny_model, learning_rate=0.1, max_steps=20, early_stopping=True, random_state=0)
    stopping.set_params(n_iter_no_change=100, label_texts=None, precision="float32").fit(TEXTS, LABELS)
    assert np.ptp(stopping.encoder_.transform(TEXTS), axis=0).max() > 0.01


@pytest.mark.parametrize("seed", range(8))
def test_batches_of_one_class_or_of_equal_texts_are_no_divergence(tiny_model, seed):
    small = SetFitClassifier(tiny_model, batch_size=2, max_steps=8, random_state=seed)
    small.fit(["bread soup rice", "cheese apple", "violin drum"], ["food", "food", "music"])
    small.fit(["violin drum", "Violin Drum", "bread", "soup"], ["music", "music", "food", "food"])


# -- what is left behind


def fit_of_bad_texts(classifier, file):
    with pytest.raises(ValueError, match="missing value"):
        classifier.fit([*TEXTS[1:], None], LABELS)


def fit_of_no_model(classifier, file):
    with pytest.raises(ValueError, match="not found"):
        clone(classifier).set_params(model="no/such-model").fit(TEXTS, LABELS)


def predict_breaks(classifier, file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Body, "_embeddings", lambda *args: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            classifier.predict(["a text whose embedding is not at hand"])


def predict_of_bad_texts(classifier, file):
    with pytest.raises(TypeError, match="one str per row"):
        classifier.predict([*TEXTS, 3])


def dump_of_a_lock(classifier, file):
    classifier.set_params(label_texts={"lock": threading.Lock()})
    with pytest.raises(Exception, match="lock"):
        dump(classifier, file)


def dump_without_space(classifier, file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda stream: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space"):
            dump(classifier, file)


def load_of_half_a_file(classifier, file):
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="damaged"):
        load(file)


def load_of_no_file(classifier, file):
    with pytest.raises(FileNotFoundError):
        load(file.with_name("none.skops"))


RUNS = {
    "fit": lambda classifier, file: classifier.fit(TEXTS, LABELS),
    "fit in bfloat16": lambda classifier, file: classifier.set_params(precision="bfloat16").fit(TEXTS, LABELS),
    "fit, failing at texts": fit_of_bad_texts,
    "fit, failing at the model": fit_of_no_model,
    "predict": lambda classifier, file: answers(classifier),
    "predict, failing inside": predict_breaks,
    "predict, failing at texts": predict_of_bad_texts,
    "dump": lambda classifier, file: dump(classifier, file),
    "dump, compressed": lambda classifier, file: dump(classifier, file, compression=8),
    "dump, failing at what is in it": dump_of_a_lock,
    "dump, failing for want of space": dump_without_space,
    "load": lambda classifier, file: answers(load(file)),
    "load, failing at half a file": load_of_half_a_file,
    "load, failing at no file": load_of_no_file,
    "pickle": lambda classifier, file: answers(pickle.loads(pickle.dumps(classifier))),
}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_is_left_behind(run, fitted, folder):
    file = folder / "model.skops"
    dump(fitted, file)
    classifier = copy.deepcopy(fitted)
    before = around(folder)
    RUNS[run](classifier, file)
    gc.collect()
    assert around(folder) == before


# What a process of its own shows: its first fit, and what a fork of it does.

SCRIPT = """
import json, os, sys, threading, time
import psutil, torch
import sksetfit
model, texts, labels, what = json.load(sys.stdin)
classifier = sksetfit.SetFitClassifier(model, max_steps=2, random_state=0)


def child(call, seconds=15):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            print(call(), flush=True)
        finally:
            os._exit(0)
    deadline = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return print("waits for ever")
        time.sleep(0.05)


def answers(classifier):
    return abs(classifier.predict_proba(texts) - expected).max() < 1e-5


def with_one_thread():
    torch.set_num_threads(1)
    fitted_here = sksetfit.SetFitClassifier(**classifier.get_params()).fit(texts, labels)
    return answers(classifier), fitted_here.predict_proba(texts).shape


if not what.startswith("fork before"):
    if what == "fork, threads set before":
        torch.set_num_threads(2)
    expected = classifier.fit(texts, labels).predict_proba(texts)
if what == "threads":
    print([thread.name for thread in threading.enumerate()], psutil.Process().children())
if what == "fork":
    child(lambda: answers(classifier))
if what == "fork, threads set after":
    torch.set_num_threads(2)
if what.startswith("fork, threads set"):
    child(lambda: answers(classifier))
if what == "fork, one thread":
    child(with_one_thread)
if what == "fork before sksetfit uses torch":
    torch.set_num_threads(2)
    torch.ones(500, 500) @ torch.ones(500, 500)  # starts the threads that the child does not have
    child(lambda: classifier.fit(texts, labels).predict_proba(texts).shape, seconds=100)
if what == "fork before any fit":
    child(lambda: classifier.fit(texts, labels).predict_proba(texts).shape, seconds=100)  # imports take long
"""


def told_by_a_process(what, tiny_model, n_threads=1):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT],  # of forks with threads, by Python 3.12
        input=json.dumps([tiny_model, TEXTS, LABELS, what]),
        env=os.environ | {"PYTHONPATH": str(Path(sksetfit.__file__).parents[1]), "OMP_NUM_THREADS": str(n_threads)},
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.strip()


@pytest.mark.slow
def test_the_first_fit_of_a_process_leaves_no_thread_and_no_process(tiny_model):
    assert told_by_a_process("threads", tiny_model) == "['MainThread'] []"


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")


@forks
@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_fork_of_a_process_that_has_fitted_answers_the_same(tiny_model, n_threads):
    assert told_by_a_process("fork", tiny_model, n_threads) == "True"


@forks
@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fork_of_a_process_that_has_set_the_threads_of_torch_answers_the_same(tiny_model, when):
    assert told_by_a_process(f"fork, threads set {when}", tiny_model, n_threads=2) == "True"


@forks
@pytest.mark.slow
def test_a_fork_that_asks_torch_for_one_thread_answers_and_fits_the_same(tiny_model):
    assert told_by_a_process("fork, one thread", tiny_model, n_threads=2) == "(np.True_, (24, 3))"


@forks
@pytest.mark.slow
@pytest.mark.parametrize("when", ["any fit", "sksetfit uses torch"])
def test_a_fork_of_a_process_that_has_not_used_a_model_fits(tiny_model, when):
    assert told_by_a_process(f"fork before {when}", tiny_model, n_threads=2) == "(24, 3)"


# -- devices and modes of torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_told_before_anything_is_loaded(estimator, device, monkeypatch):
    monkeypatch.setattr("sksetfit.body.loading.load.SentenceTransformer", None)
    monkeypatch.setattr("sksetfit.body.model.Body.tokenize", None)
    with pytest.raises(ValueError, match=rf"device='{device}' cannot be used on this machine: .*'cpu' is always there"):
        estimator.set_params(device=device).fit(TEXTS, LABELS)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def deterministic_algorithms():
    torch.use_deterministic_algorithms(True)
    try:
        yield
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def bfloat16():
    return torch.autocast("cpu", torch.bfloat16)


MODES = {  # besides those of test_estimator_checks.py
    "default type float16": lambda: [default_dtype(torch.float16)],
    "default type bfloat16": lambda: [default_dtype(torch.bfloat16)],
    "autocast to float16": lambda: [torch.autocast("cpu", torch.float16)],
    "deterministic algorithms": lambda: [deterministic_algorithms()],
    "deterministic algorithms in float64": lambda: [default_dtype(torch.float64), deterministic_algorithms()],
    "inference mode in bfloat16": lambda: [torch.inference_mode(), bfloat16()],
}


@contextmanager
def mode(name):
    with ExitStack() as stack:
        for context in MODES[name]():
            stack.enter_context(context)
        yield


@pytest.fixture(scope="module", params=[(kind, precision) for kind in KINDS for precision in ("float32", "bfloat16")])
def undisturbed(request, tiny_model):
    """A fitted estimator of a kind in a precision, and its answers."""
    kind, precision = request.param
    estimator = kind(tiny_model, **PARAMETERS, precision=precision).fit(TEXTS, LABELS)
    return estimator, answers(estimator)


@pytest.mark.parametrize("name", MODES)
def test_what_a_caller_has_set_in_torch_changes_no_answer(undisturbed, name):
    estimator, expected = clone(undisturbed[0]), undisturbed[1]
    with mode(name):
        assert_same(answers(estimator.fit(TEXTS, LABELS)), expected)
    assert_same(answers(estimator), expected)


def test_a_mode_of_one_thread_does_not_reach_a_fit_in_another(classifier):
    expected = answers(clone(classifier).fit(TEXTS, LABELS))

    def under(name):
        with mode(name):
            return answers(clone(classifier).fit(TEXTS, LABELS))

    names = ["autocast to float16", "inference mode in bfloat16"] * 3
    for found in at_once([lambda name=name: under(name) for name in names]):
        assert_same(found, expected)


def test_a_head_of_the_caller_is_fitted_in_threads_as_it_is_alone(classifier):
    classifier.set_params(head=LogisticRegression(C=3, max_iter=1000))
    expected = answers(clone(classifier).fit(TEXTS, LABELS))
    for fitted in at_once([lambda: clone(classifier).fit(TEXTS, LABELS)] * 4):
        assert_same(answers(fitted), expected)
