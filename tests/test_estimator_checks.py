"""scikit-learn's own checks, brought to estimators of texts, and the contract that only such an estimator has.

scikit-learn skips its checks for estimators that do not take rows of numbers: a green `check_estimator` is empty. So
the checks that read no X are called directly, and the whole battery runs on subclasses whose border turns rows of
numbers into texts; all behind that border is the estimator itself.
"""

import copy
import io
import json
import logging
import os
import pickle
import random
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import SkipTest

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from conftest import TOPICS, make_texts, needs_sklearn_1_8
from sksetfit import SetFitClassifier, SetFitEncoder
from sksetfit.training.losses import LOSSES

KINDS = [SetFitClassifier, SetFitEncoder]
WORDS = [word for topic in TOPICS.values() for word in topic]
TEXTS, LABELS = make_texts(8)


# -- scikit-learn's checks that read no X, on the estimators as they are


CHECKS_WITHOUT_X = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_param_validation",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]
TRANSFORMER_CHECKS_WITHOUT_X = ["check_get_feature_names_out_error", "check_transformers_unfitted"]


@pytest.mark.parametrize(
    ("kind", "check"),
    [(kind, check) for kind in KINDS for check in CHECKS_WITHOUT_X]
    + [(SetFitEncoder, check) for check in TRANSFORMER_CHECKS_WITHOUT_X],
)
def test_checks_that_read_no_x_hold_on_the_estimator_itself(kind, check):
    getattr(estimator_checks, check)(kind.__name__, kind())


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learn_still_skips_all_other_checks_for_texts(kind):
    with pytest.warns(SkipTestWarning, match="Can't test estimator"):
        offered = [check.func.__name__ for _, check in estimator_checks_generator(kind())]
    assert offered == ["check_estimator_cloneable"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tags_say_texts_in_and_labels_required(kind):
    tags = get_tags(kind())
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.target_tags.required
    assert not tags.target_tags.one_d_labels, "this tag means that X itself holds labels, as for LabelBinarizer"
    assert not tags.target_tags.two_d_labels
    assert tags.requires_fit


def test_tags_of_classifier_and_encoder():
    assert is_classifier(SetFitClassifier())
    assert get_tags(SetFitClassifier()).classifier_tags.multi_label
    assert not is_classifier(SetFitEncoder())
    assert get_tags(SetFitEncoder()).transformer_tags.preserves_dtype == []


# -- scikit-learn's battery, on subclasses that turn rows of numbers into texts


class OnNumbers:
    """Turns rows of numbers into texts at the border of an estimator of texts.

    What belongs to numbers (sparse, NaN, complex, the number and names of features) is validated as any estimator of
    numbers does it, so that what is left to pass or fail is the estimator of texts.
    """

    def fit(self, X, y):
        return super().fit(self._as_texts(X, reset=True), y)

    def _as_texts(self, X, *, reset):
        """Write each number, to the nearest half, as eight words: the larger, the more of the first of two."""
        counts = (np.rint(2 * validate_data(self, X, reset=reset)).astype(int) + 4) % 9
        pairs = list(zip(WORDS[::2], WORDS[1::2], strict=True))
        return [
            " ".join(
                word
                for (high, low), count in zip(pairs, row, strict=False)
                for word in [high] * count + [low] * (8 - count)
            )
            for row in counts.tolist()
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        return tags


class ClassifierOnNumbers(OnNumbers, SetFitClassifier):
    def _predict_with_head(self, method, X):
        check_is_fitted(self)
        return super()._predict_with_head(method, self._as_texts(X, reset=False))


class EncoderOnNumbers(OnNumbers, SetFitEncoder):
    def transform(self, X):
        check_is_fitted(self)
        # Past the wrapper of set_output, which is around this method already and must see the caller's X.
        return SetFitEncoder.transform.__wrapped__(self, self._as_texts(X, reset=False))


# {check: why it cannot hold}. None at present; pytest's xfail_strict turns one that holds red.
EXPECTED_FAILURES = {ClassifierOnNumbers: {}, EncoderOnNumbers: {}}
AT_LEAST = {ClassifierOnNumbers: 59, EncoderOnNumbers: 47}
BATTERY = parametrize_with_checks(
    [kind("tiny", max_steps=3, learning_rate=3e-3, random_state=0) for kind in EXPECTED_FAILURES],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator)],
)


@BATTERY
def test_scikit_learns_battery_holds(estimator, check, tiny_model, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it check_array_api_input skips itself
    try:
        check(estimator.set_params(model=tiny_model))
    except SkipTest as skipped:
        pytest.fail(f"scikit-learn skipped the check: {skipped}")


@needs_sklearn_1_8  # which has more checks
@pytest.mark.parametrize("kind", AT_LEAST)
def test_the_battery_has_not_shrunk(kind):
    """Each case above passes, or its test is red: the cases without a mark are the checks that ran and passed."""
    cases = Counter(type(case[0]) for case in BATTERY.args[1])  # a case with a mark is a tuple within a tuple
    assert cases[kind] >= AT_LEAST[kind]


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "check",
    [
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
def test_checks_that_scikit_learn_keeps_to_its_own_transformers_hold(check, tiny_model):
    encoder = EncoderOnNumbers(tiny_model, max_steps=1, random_state=0)
    getattr(estimator_checks, check)("EncoderOnNumbers", encoder)


# -- the contract of an estimator of texts


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tiny_model):
    """A fitted estimator of each kind that no test may change; `clone` gives an unfitted one."""
    return train(request.param(tiny_model, max_steps=5, learning_rate=1e-2, random_state=0))


def train(estimator):
    return estimator.fit(TEXTS, LABELS)


def answers(estimator, texts=TEXTS):
    """Return all that a fitted estimator says of texts, by method."""
    methods = ["transform", "predict", "predict_proba", "decision_function"]
    found = {method: getattr(estimator, method)(texts) for method in methods if hasattr(estimator, method)}
    if hasattr(estimator, "encoder_"):
        found["encoder_.transform"] = estimator.encoder_.transform(texts)
    return found


def assert_same(found, expected):
    """Bit for bit, types and shapes included."""
    assert found.keys() == expected.keys()
    for method, answer in expected.items():
        np.testing.assert_array_equal(found[method], answer, err_msg=method, strict=True)


def embeddings(estimator):
    return getattr(estimator, "encoder_", estimator).transform(TEXTS)


def test_fit_returns_the_estimator_itself(trained):
    estimator = clone(trained)
    assert train(estimator) is estimator


def test_a_second_fit_on_the_same_data_gives_equal_answers(trained):
    assert_same(answers(train(train(clone(trained)))), answers(trained))


def test_the_seed_decides_whatever_ran_before(trained):
    clone(trained).set_params(random_state=5, max_steps=2).fit(TEXTS[::2], LABELS[::2])
    np.random.seed(99)
    torch.manual_seed(99)
    random.seed(99)
    torch.rand(7)
    assert_same(answers(train(clone(trained))), answers(trained))


def test_another_seed_gives_other_embeddings(trained):
    other = train(clone(trained).set_params(random_state=1))
    assert not np.allclose(embeddings(other), embeddings(trained), atol=1e-3)


def test_no_seed_draws_anew_each_time(trained):
    np.random.seed(0)
    first = embeddings(train(clone(trained).set_params(random_state=None)))
    np.random.seed(0)
    second = embeddings(train(clone(trained).set_params(random_state=None)))
    assert not np.array_equal(first, second)


def test_a_random_state_instance_is_drawn_from_and_kept(trained):
    rng = np.random.RandomState(0)
    estimator = clone(trained).set_params(random_state=rng)
    first = embeddings(train(estimator))
    again = clone(trained).set_params(random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(first, embeddings(train(again)))
    assert not np.array_equal(embeddings(train(estimator)), first)
    assert estimator.random_state is rng


class Threads(frozenset):
    """Threads that are equal to those before where none has come to them; those of a pool end a little later."""

    def __eq__(self, before):
        return set(self) <= set(before)

    __hash__ = frozenset.__hash__


def surroundings(folder):
    """Return what a caller has set up and an estimator has no business with."""
    loggers = [logging.root, *map(logging.getLogger, logging.root.manager.loggerDict)]
    return {
        "numpy's random state": pickle.dumps(np.random.get_state()),
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "python's random state": random.getstate(),
        "numpy's error handling": np.geterr(),
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch's modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "torch's defaults": (torch.get_default_dtype(), torch.get_default_device()),
        "torch's autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "torch's determinism": (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic),
        "torch's matmul": (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark),
        "scikit-learn": sklearn.get_config(),
        "environment": dict(os.environ),
        "warning filters": list(warnings.filters),
        "loggers": {log.name: (log.level, log.disabled, list(log.handlers)) for log in loggers if log.level},
        "handlers": list(logging.root.handlers),
        "files": sorted(map(str, folder.rglob("*"))),
        "folder": os.getcwd(),
        "import path": list(sys.path),
        "threads": Threads(threading.enumerate()),
    }


@pytest.fixture
def unusual_settings(monkeypatch):
    """Set what a caller may have set, so that what an earlier fit left or a default put back would be noticed."""
    np.random.seed(12345)
    torch.manual_seed(12345)
    random.seed(12345)
    monkeypatch.setattr(torch, "set_num_threads", None)  # to call it is enough; another number of threads is slow here
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    with np.errstate(under="raise"):
        yield
    torch.set_float32_matmul_precision(precision)


@pytest.mark.usefixtures("reading_anew", "unusual_settings")
@pytest.mark.parametrize("random_state", [None, 7, np.random.RandomState(7)], ids=["None", "int", "RandomState"])
def test_fit_and_predict_leave_all_around_them_as_it_was(trained, random_state, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    estimator = clone(trained).set_params(random_state=random_state, max_steps=2)
    before = surroundings(tmp_path)
    train(estimator)
    after_fit = surroundings(tmp_path)
    answers(estimator)
    assert after_fit == before
    assert surroundings(tmp_path) == before
    assert capfd.readouterr() == ("", "")


@contextmanager
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def bfloat16():
    return torch.autocast("cpu", torch.bfloat16)


MODES = [torch.no_grad, torch.inference_mode, float64, bfloat16]


@pytest.mark.usefixtures("reading_anew")
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_modes_of_torch_that_a_caller_has_set_change_no_answer(trained, mode):
    with mode():
        assert_same(answers(trained), expected := answers(train(clone(trained))))
    assert_same(answers(trained), expected)


FIRST_FIT = """
import json, os, sys, warnings
import sksetfit
model, texts, labels = json.load(sys.stdin)
import torch, sentence_transformers  # what their import changes is theirs
before = dict(os.environ), list(warnings.filters), torch.get_rng_state().tolist()
estimator = sksetfit.SetFitClassifier(model, max_steps=2, random_state=0).fit(texts, labels)
assert estimator.predict(texts).shape == (len(texts),)
assert (dict(os.environ), list(warnings.filters), torch.get_rng_state().tolist()) == before
"""


def test_the_first_fit_of_a_process_prints_nothing_and_writes_no_file(tiny_model, tmp_path):
    places = dict.fromkeys(["HOME", "TMPDIR", "XDG_CACHE_HOME"], str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FIT],
        input=json.dumps([tiny_model, TEXTS, LABELS]),
        env=os.environ | places | {"PYTHONPATH": str(Path(sys.modules["sksetfit"].__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert list(tmp_path.rglob("*")) == []


# A text is padded to the longest of its batch and multiplied in blocks of the batch's size, so that float32 sums are
# made in another order: a few units of 1.2e-7 on embeddings of length 1, and what the head's weights make of them.
ROUNDING = 1e-5


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for method, answer in expected.items():
        if answer.dtype.kind == "f":
            np.testing.assert_allclose(found[method], answer, rtol=0, atol=ROUNDING, err_msg=method)
        else:
            np.testing.assert_array_equal(found[method], answer, err_msg=method)


@pytest.mark.parametrize(
    "rows",
    [[3], [5, 1], list(range(0, len(TEXTS), 3)), list(range(len(TEXTS)))[::-1], [2, 2, 7, 2], list(range(12)) * 9],
    ids=["one", "two", "every third", "backwards", "duplicates", "many times"],
)
def test_what_stands_beside_a_text_does_not_change_its_answers(trained, rows):
    found = answers(trained, [TEXTS[row] for row in rows])
    assert_close(found, {method: answer[rows] for method, answer in answers(trained).items()})


def test_a_long_neighbour_does_not_change_the_answers(trained):
    found = answers(trained, [" ".join(WORDS * 3), *TEXTS])
    assert_close({method: answer[1:] for method, answer in found.items()}, answers(trained))


def test_equal_texts_in_one_call_get_equal_answers(trained):
    for method, answer in answers(trained, [TEXTS[0], TEXTS[1], TEXTS[0]]).items():
        np.testing.assert_array_equal(answer[0], answer[2], err_msg=method)


CONTAINERS = {
    "tuple": tuple,
    "array of str": np.array,
    "array of object": lambda rows: np.array(rows, dtype=object),
    "list of numpy.str_": lambda rows: list(np.array(rows)),
    "pandas Series": lambda rows: pd.Series(rows, index=range(100, 100 + len(rows))),
    "pandas category": lambda rows: pd.Series(rows, dtype="category"),
    "polars Series": pl.Series,
    "pyarrow array": pa.array,
    "pyarrow chunked array": lambda rows: pa.chunked_array([rows[:5], rows[5:]]),
}
FRAMES = {
    "column array": lambda rows: np.array(rows, dtype=object)[:, None],
    "pandas DataFrame": lambda rows: pd.DataFrame({"text": rows}),
    "polars DataFrame": lambda rows: pl.DataFrame({"text": rows}),
    "pyarrow table": lambda rows: pa.table({"text": rows}),
}


@pytest.mark.parametrize("container", CONTAINERS | FRAMES)
def test_every_container_of_the_same_texts_gets_the_answers_of_the_list(trained, container):
    assert_same(answers(trained, (CONTAINERS | FRAMES)[container](TEXTS)), answers(trained))


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_of_the_same_rows_trains_what_the_list_trains(trained, container):
    make = CONTAINERS[container]
    np.testing.assert_array_equal(embeddings(clone(trained).fit(make(TEXTS), make(LABELS))), embeddings(trained))


def test_fit_changes_no_parameter(trained):
    label_texts, head = {"food": ["cheese"], "sport": "tennis"}, LogisticRegression(C=3)
    estimator = clone(trained).set_params(label_texts=label_texts, random_state=np.random.RandomState(3))
    if "head" in estimator.get_params():
        estimator.set_params(head=head)
    before = estimator.get_params(deep=False)
    inside = copy.deepcopy((label_texts, vars(head)))
    answers(train(estimator))
    after = estimator.get_params(deep=False)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] is not before[name]] == []
    assert (label_texts, vars(head)) == inside


INDICATOR = np.array([[label == topic for topic in TOPICS] for label in LABELS], dtype=int)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (TEXTS, LABELS),
        (np.array(TEXTS), np.array(LABELS)),
        (np.array(TEXTS, dtype=object), np.array(LABELS, dtype=object)),
        (pd.Series(TEXTS), pd.Series(LABELS, dtype="category")),
        (pd.DataFrame({"text": TEXTS}), pd.DataFrame(INDICATOR, columns=list(TOPICS))),
        (TEXTS, sparse.csr_array(INDICATOR)),
    ],
    ids=["lists", "arrays", "object arrays", "Series", "DataFrames", "sparse"],
)
def test_fit_and_predict_change_neither_texts_nor_targets(trained, X, y):
    before = joblib.hash((X, y))
    answers(clone(trained).set_params(max_steps=1).fit(X, y), X)
    assert joblib.hash((X, y)) == before


def test_fit_takes_read_only_arrays(trained):
    X, y = np.array(TEXTS, dtype=object), np.array(LABELS)
    X.flags.writeable = y.flags.writeable = False
    assert_same(answers(clone(trained).fit(X, y), X), answers(trained))


def test_a_clone_of_a_fitted_estimator_is_unfitted_and_carries_no_body(trained):
    cloned = clone(trained)
    assert vars(cloned).keys() == cloned.get_params(deep=False).keys()
    assert len(pickle.dumps(cloned)) < 2000 < 50_000 < len(pickle.dumps(trained))
    with pytest.raises(NotFittedError):
        answers(cloned)


@pytest.mark.parametrize("kind", KINDS)
def test_the_representation_of_the_default_is_its_name(kind):
    assert repr(kind()) == f"{kind.__name__}()"


def test_the_representations_show_parameters_and_no_weights(trained):
    unfitted = clone(trained)
    assert repr(trained) == repr(unfitted)
    assert len(repr(trained)) < 300
    for estimator, state in [(unfitted, "Not fitted"), (trained, "Fitted")]:
        html = estimator._repr_html_()
        assert type(estimator).__name__ in html
        assert f"<span>{state}</span>" in html
        assert "learning_rate" in html
        assert len(html) < 100_000


ROUND_TRIPS = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "pickle protocol 2": lambda estimator: pickle.loads(pickle.dumps(estimator, protocol=2)),
    "cloudpickle": lambda estimator: cloudpickle.loads(cloudpickle.dumps(estimator)),
    "joblib": lambda estimator: joblib.load(_joblib_file(estimator)),
    "copy.deepcopy": copy.deepcopy,
}


def _joblib_file(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("trip", ROUND_TRIPS)
def test_round_trips_give_equal_answers_and_leave_the_original_alone(trained, trip):
    expected, attributes = answers(trained), dict(vars(trained))
    once = ROUND_TRIPS[trip](trained)
    twice = ROUND_TRIPS[trip](once)
    assert_same(answers(once), expected)
    assert_same(answers(twice), expected)
    assert_same(answers(trained), expected)
    assert_untouched(trained, attributes)
    assert repr(twice) == repr(trained)


@pytest.mark.parametrize("trip", ROUND_TRIPS)
def test_unfitted_estimators_make_the_round_trip_too(trained, trip):
    again = ROUND_TRIPS[trip](clone(trained))
    assert again.get_params() == trained.get_params()
    assert_same(answers(train(again)), answers(trained))


def assert_untouched(estimator, attributes):
    assert vars(estimator).keys() == attributes.keys()
    assert [name for name, value in attributes.items() if vars(estimator)[name] is not value] == []


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (TEXTS[:12], [len(label) for label in LABELS[:12]]),
        (TEXTS[::2], pd.DataFrame(INDICATOR[::2], columns=list(TOPICS))),
    ],
    ids=["other labels", "multi-label"],
)
def test_a_second_fit_replaces_all_of_the_first(trained, X, y):
    again = copy.deepcopy(trained).fit(X, y)
    fresh = clone(trained).fit(X, y)
    assert vars(again).keys() == vars(fresh).keys()
    assert_same(answers(again), answers(fresh))


def break_in_step_three(monkeypatch, outcome):
    """Let the loss of the third step be ``outcome``, or raise it."""
    losses = iter([1.0, 1.0])

    def loss(embeddings, overlap, weights):
        value = next(losses, outcome)
        if isinstance(value, BaseException):
            raise value
        return embeddings.sum() * value

    monkeypatch.setitem(LOSSES, "supcon", loss)


class FailingHead(KNeighborsClassifier):
    def fit(self, X, y):
        raise RuntimeError("no head today")


BREAKS = {  # the error, and what leads to it
    "interrupted in step three": (KeyboardInterrupt, {"third_loss": KeyboardInterrupt()}),
    "out of memory in step three": (MemoryError, {"third_loss": MemoryError()}),
    "diverged in step three": (ValueError, {"third_loss": float("nan")}),
    "parameter": (ValueError, {"params": {"batch_size": 0}}),
    "model": (ValueError, {"params": {"model": "/no/such/folder"}}),
    "texts": (TypeError, {"X": [1] * len(TEXTS)}),
    "targets": (ValueError, {"y": ["food"] * len(TEXTS)}),
}


def broken_fit(estimator, error, monkeypatch, *, third_loss=1.0, params=None, X=TEXTS, y=LABELS):
    """Let a fit fail, and tell that it left all attributes of the estimator as they were."""
    break_in_step_three(monkeypatch, third_loss)
    attributes = dict(vars(estimator.set_params(**(params or {}))))
    with pytest.raises(error):
        estimator.fit(X, y)
    assert_untouched(estimator, attributes)


@pytest.mark.parametrize("case", BREAKS)
def test_a_fit_that_breaks_leaves_a_fitted_estimator_as_it_was(trained, case, monkeypatch):
    error, cause = BREAKS[case]
    estimator = copy.deepcopy(trained)
    broken_fit(estimator, error, monkeypatch, **cause)
    assert_same(answers(estimator), answers(trained))


@pytest.mark.parametrize("case", BREAKS)
def test_a_first_fit_that_breaks_leaves_the_estimator_unfitted(trained, case, monkeypatch):
    error, cause = BREAKS[case]
    estimator = clone(trained)
    broken_fit(estimator, error, monkeypatch, **cause)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


def test_a_head_that_fails_leaves_a_fitted_classifier_as_it_was(tiny_classifier, monkeypatch):
    before = answers(train(tiny_classifier))
    broken_fit(tiny_classifier, RuntimeError, monkeypatch, params={"head": FailingHead()})
    assert_same(answers(tiny_classifier), before)


def test_eight_threads_at_once_get_the_answers_of_one(trained):
    portions = [TEXTS[start:] for start in range(8)]
    together = threading.Barrier(len(portions))

    def answer(texts):
        together.wait()
        return answers(trained, texts)

    with ThreadPoolExecutor(len(portions)) as pool:
        found = list(pool.map(answer, portions))
    for texts, of_thread in zip(portions, found, strict=True):
        assert_same(of_thread, answers(trained, texts))


OTHER_PARAMETERS = {
    "revision": "a-branch",
    "model": "/no/such/folder",
    "head": LinearSVC(),
    "multi_target_strategy": "classifier-chain",
    "label_texts": None,
    "loss": "cosine",
    "max_steps": 0,
    "batch_size": 2,
    "learning_rate": 1.0,
    "warmup_proportion": 0.5,
    "weight_decay": 0.5,
    "max_seq_length": 3,
    "long_texts": "truncate",
    "prompt": "query: ",
    "class_weight": "balanced",
    "early_stopping": True,
    "validation_fraction": 0.5,
    "n_iter_no_change": 1,
    "scoring": "f1_macro",
    "memory": "/no/such/folder",
    "warm_start": True,
    "backend": "openvino",
    "precision": "bfloat16",
    "device": "cuda:7",
    "random_state": 5,
    "verbose": 1,
}


def test_parameters_that_are_set_after_fit_wait_for_the_next_fit(trained, capfd):
    names = set(trained.get_params(deep=False))
    assert names <= OTHER_PARAMETERS.keys(), "say here what a new parameter does to a fitted model"
    names -= {"precision", "backend", "device", "verbose"}  # these count at once
    changed = copy.deepcopy(trained).set_params(**{name: OTHER_PARAMETERS[name] for name in names})
    assert_same(answers(changed), answers(trained))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "value"), [("precision", "bf16"), ("backend", "opnvino")])
def test_what_is_read_whenever_an_encoder_transforms_is_checked_then(tiny_encoder, name, value):
    encoder = train(tiny_encoder).set_params(**{name: value})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SetFitEncoder .* Got '{value}' instead"):
        encoder.transform(TEXTS)


def test_the_precision_alone_is_read_whenever_an_encoder_transforms(tiny_encoder):
    encoder = train(tiny_encoder)
    full = encoder.transform(TEXTS)
    half = encoder.set_params(precision="bfloat16").transform(TEXTS)
    assert not np.array_equal(half, full)
    np.testing.assert_allclose(half, full, rtol=0, atol=0.05)  # bfloat16 keeps eight bits
    np.testing.assert_array_equal(encoder.set_params(precision="float32").transform(TEXTS), full)


CLASS_NAMES = {
    "line breaks": ["a dish\nof food", "music\r\n", "\tsport"],
    "commas and quotes": ["food, drinks", "music; songs", "\"sport\" and 'games'"],
    "emoji": ["🍞", "🎵🎶", "⚽️ game"],
    "other scripts": ["食べ物", "موسيقى", "спорт"],
    "very long": ["food " * 2000, "m" * 10_000, "sport_" * 2000],
    "braces": ["{food}", "{0} {}", "%s music"],
    "numbers as text": ["1", "2", "10"],
    "missing as text": ["nan", "None", "NaT"],
    "blank": ["", " ", "\n"],
    "differ in case": ["food", "Food", "FOOD"],
    "NUL inside": ["a\0b", "a\0c", "a"],
    "numpy str": list(np.array(["food", "music", "sport"])),
    "negative int": [-3, 0, 2],
    "numpy int": list(np.array([7, 0, 255], dtype=np.uint8)),
    "large int": [2**40, -(2**40), 0],
    "whole float": [1.0, 2.0, -3.0],
    "bool": [True, False],
    "numpy bool": [np.True_, np.False_],
}


@pytest.mark.parametrize("label_texts", ["auto", "dict"])
@pytest.mark.parametrize("case", CLASS_NAMES)
def test_classes_may_have_any_name(tiny_classifier, case, label_texts):
    names = dict(zip(TOPICS, CLASS_NAMES[case], strict=False))
    texts, topics = make_texts(6, topics=tuple(names))
    y = [names[topic] for topic in topics]
    if label_texts == "dict":
        tiny_classifier.set_params(label_texts={name: topic for topic, name in names.items()})
    tiny_classifier.fit(texts, y)
    np.testing.assert_array_equal(tiny_classifier.classes_, np.unique(y), strict=True)
    predicted = tiny_classifier.predict(texts)
    assert predicted.dtype == tiny_classifier.classes_.dtype
    assert np.mean(predicted == np.array(y)) > 0.8  # names that are mixed up are right in a third or half of the rows
    assert tiny_classifier.predict_proba(texts).shape == (len(texts), len(names))
    assert_same(answers(ROUND_TRIPS["pickle"](tiny_classifier), texts), answers(tiny_classifier, texts))


@pytest.mark.parametrize("case", ["numbers as text", "emoji", "blank", "negative int", "bool"])
def test_names_without_words_become_no_texts(tiny_encoder, case):
    names = CLASS_NAMES[case][:2]
    texts, topics = make_texts(6, topics=("food", "music"))
    y = [names[topic == "music"] for topic in topics]
    assert tiny_encoder.fit(texts, y).label_texts_ == {}


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_a_global_output_setting_does_not_reach_the_head(tiny_classifier, output):
    expected = answers(train(tiny_classifier))
    del expected["encoder_.transform"]
    with sklearn.config_context(transform_output=output):
        found = answers(train(tiny_classifier))
        assert not isinstance(found.pop("encoder_.transform"), np.ndarray)
    assert_same(found, expected)


@needs_sklearn_1_8
def test_embeddings_as_a_frame_keep_the_index_of_the_series(tiny_encoder):
    index = [f"row {i}" for i in range(len(TEXTS))]
    frame = train(tiny_encoder).set_output(transform="pandas").transform(pd.Series(TEXTS, index=index))
    assert list(frame.index) == index
    assert list(frame.columns) == [f"setfitencoder{i}" for i in range(32)]
