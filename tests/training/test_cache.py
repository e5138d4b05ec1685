"""What `memory=` keeps, when it finds it again, and that it never costs a result."""

import os
import pickle
import re
import shutil
import threading
from contextlib import contextmanager

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from conftest import make_texts
from sksetfit import SetFitClassifier, SetFitEncoder, dump, load
from sksetfit.training import cache as cache_module
from sksetfit.training import run as run_module
from sksetfit.training.cache import _RecentArrays, cached_call, key_of


@pytest.fixture
def tunings(monkeypatch):
    """Counts the tunings that are made."""
    made, run_steps = [], run_module.run_steps

    def counted(state, *args, **kwargs):
        made.append(state)
        run_steps(state, *args, **kwargs)

    monkeypatch.setattr(run_module, "run_steps", counted)
    return made


@pytest.fixture
def cached(tiny_classifier, tmp_path):
    return tiny_classifier.set_params(memory=tmp_path / "memory")


X, Y = make_texts(8)


# -- how often a body is tuned


def test_a_grid_of_twelve_heads_in_three_folds_tunes_four_bodies(cached, tunings):
    heads = np.logspace(-2, 3, 12)
    search = GridSearchCV(cached, {"head__C": heads}, cv=3).fit(X, Y)
    assert len(tunings) == 4
    cached.set_params(memory=None)
    plain = GridSearchCV(cached, {"head__C": heads[[0, -1]]}, cv=3, refit=False).fit(X, Y)
    scores = search.cv_results_["mean_test_score"][[0, -1]]
    np.testing.assert_array_equal(scores, plain.cv_results_["mean_test_score"])
    best = cached.set_params(**search.best_params_).fit(X, Y)
    np.testing.assert_array_equal(search.predict_proba(X), best.predict_proba(X))


@pytest.mark.parametrize("place", ["pipeline", "encoder"])
def test_a_pipeline_tunes_four_bodies_as_well(tiny_encoder, tmp_path, tunings, place):
    memories = {"pipeline": (None, str(tmp_path)), "encoder": (str(tmp_path), None)}[place]
    encoder = tiny_encoder.set_params(memory=memories[0])
    pipeline = Pipeline([("encode", encoder), ("head", LogisticRegression())], memory=memories[1])
    GridSearchCV(pipeline, {"head__C": np.logspace(-2, 3, 12)}, cv=3).fit(X, Y)
    assert len(tunings) == 4


def test_what_is_found_is_what_was_kept(cached, tunings):
    first, second = (cached.fit(X, Y).predict_proba(X), cached.fit(X, Y).predict_proba(X))
    assert len(tunings) == 1
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, cached.set_params(memory=None).fit(X, Y).predict_proba(X))
    np.testing.assert_array_equal(cached.loss_curve_, cached.encoder_.loss_curve_)


CONTAINERS = {
    "tuple": tuple,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "array of str": np.array,
    "series": pd.Series,
    "frame": lambda texts: pd.DataFrame({"text": texts}),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_texts_in_another_container_are_found(cached, tunings, container):
    cached.fit(X, Y)
    cached.fit(CONTAINERS[container](X), pd.Series(Y, dtype="category"))
    assert len(tunings) == 1


def test_numbers_of_another_type_are_found(cached, tunings):
    codes = np.unique(Y, return_inverse=True)[1]
    for dtype in (np.int64, np.int32, np.float64, object):
        cached.fit(X, codes.astype(dtype))
    assert len(tunings) == 1


CHANGES = {
    "a learning rate": {"learning_rate": 1e-3},
    "steps": {"max_steps": 5},
    "a loss": {"loss": "cosine"},
    "a seed": {"random_state": 1},
    "label texts": {"label_texts": None},
    "a prompt": {"prompt": "query: "},
    "a length": {"max_seq_length": 16},
    "long texts": {"long_texts": "truncate"},
    "a class weight": {"class_weight": {"food": 2}},
    "early stopping": {"early_stopping": True},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_body_is_another_one(cached, tunings, change):
    cached.fit(X, Y)
    cached.set_params(**CHANGES[change]).fit(X, Y)
    assert len(tunings) == 2


@pytest.mark.parametrize(
    "change",
    [{"head__C": 3}, {"head": LogisticRegression()}, {"verbose": 1}, {"multi_target_strategy": "multi-output"}],
)
def test_what_does_not_change_the_body_finds_it(cached, tunings, change):
    cached.fit(X, Y)
    cached.set_params(**change).fit(X, Y)
    assert len(tunings) == 1


def test_shuffled_rows_and_other_targets_are_another_body(cached, tunings):
    cached.fit(X, Y)
    cached.fit(X[::-1], Y[::-1])
    cached.fit(X, Y[1:] + Y[:1])
    cached.fit(X, Y, sample_weight=np.arange(1, 25))
    assert len(tunings) == 4


def test_without_a_seed_any_body_of_the_kind_is_found(cached, tunings):
    cached.set_params(random_state=None)
    np.testing.assert_array_equal(cached.fit(X, Y).predict_proba(X), cached.fit(X, Y).predict_proba(X))
    assert len(tunings) == 1


def test_a_random_state_goes_on_whether_a_body_is_found_or_not(cached, tunings):
    answers = []
    for memory in (None, cached.memory, cached.memory):
        rng = np.random.RandomState(0)
        clf = cached.set_params(memory=memory, random_state=rng)
        answers.append((clf.fit(X, Y).predict_proba(X), clf.fit(X, Y).predict_proba(X), rng.randint(2**31)))
    for first, second, draw in answers:
        np.testing.assert_array_equal(first, answers[0][0])
        np.testing.assert_array_equal(second, answers[0][1])
        assert draw == answers[0][2]
    assert len(tunings) == 4  # two without the memory, and two of different seeds with it


def test_other_weights_in_the_same_folder_are_another_model(cached, tiny_model, tmp_path, tunings):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    cached.set_params(model=str(folder)).fit(X, Y)
    same = shutil.copytree(tiny_model, tmp_path / "copy")
    cached.set_params(model=str(same)).fit(X, Y)
    assert len(tunings) == 1
    weights = folder / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-4:] = np.float32(0.5).tobytes()
    weights.write_bytes(damaged)
    cached.set_params(model=str(folder)).fit(X, Y)
    assert len(tunings) == 2


def test_several_labels_and_early_stopping_are_found_again(cached, tunings):
    labels = np.column_stack([np.array(Y) == "food", np.array(Y) != "music", np.arange(24) % 2]).astype(int)
    cached.set_params(early_stopping=True, scoring="f1_macro")
    scores = [cached.fit(X, labels).validation_scores_ for _ in range(2)]
    assert len(tunings) == 1
    assert len(scores[0]) > 1
    np.testing.assert_array_equal(*scores)


def test_cache_hit_with_early_stopping_and_other_label_type(cached, tunings):
    cached.set_params(early_stopping=True, random_state=None)
    for y in (Y, np.array(Y, dtype=object), pd.Series(Y)):
        cached.fit(X, y)
    assert len(tunings) == 1


def score(classifier, X, y):
    return 1.0


def test_a_scorer_that_was_written_anew_under_its_name_is_another(cached, tunings, monkeypatch):
    def written_anew(classifier, X, y):
        return 7.0

    cached.set_params(early_stopping=True, scoring=score).fit(X, Y)
    monkeypatch.setattr(score, "__code__", written_anew.__code__)
    assert cached.fit(X, Y).validation_scores_[0] == 7
    assert len(tunings) == 2


class Stop:
    def setup(self, estimator, context):
        pass

    on_fit_task_begin = teardown = setup

    def on_fit_task_end(self, estimator, context):
        return True


def test_a_tuning_that_a_callback_has_stopped_is_not_kept(cached, tunings):
    pytest.importorskip("sklearn.callback")
    assert SetFitClassifier(**cached.get_params()).set_callbacks(Stop()).fit(X, Y).n_steps_ == 1
    assert cached.fit(X, Y).n_steps_ == 10
    assert len(tunings) == 2


def test_a_file_behind_a_link_that_was_changed_is_another_model(cached, tiny_model, tmp_path, tunings):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    shutil.move(folder / "1_Pooling", tmp_path / "pooling")
    (folder / "1_Pooling").symlink_to(tmp_path / "pooling")
    cached.set_params(model=folder).fit(X, Y)
    config = tmp_path / "pooling" / "config.json"
    config.write_text(config.read_text() + " ")
    cached.fit(X, Y)
    assert len(tunings) == 2


# -- what becomes of an estimator from a memory


def test_unseeded_bodies_have_different_keys(cached, tmp_path):
    cached.set_params(random_state=None)
    first, second = (
        SetFitClassifier(**cached.get_params() | {"memory": tmp_path / name}).fit(X, Y) for name in ("a", "b")
    )
    first.predict_proba(X)
    np.testing.assert_allclose(
        second.encoder_.transform(X), pickle.loads(pickle.dumps(second)).encoder_.transform(X), atol=1e-5
    )
    assert np.abs(first.encoder_.transform(X) - second.encoder_.transform(X)).max() > 1e-3


def test_a_body_that_was_found_outlives_its_folder(cached, tunings):
    expected = cached.fit(X, Y).predict_proba(X)
    again = cached.fit(X, Y)
    shutil.rmtree(cached.memory)
    cache_module._recent._arrays.clear()
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).predict_proba(X), expected)
    assert len(tunings) == 1


def test_a_file_does_not_name_the_folder_and_pickles_do(cached, tmp_path):
    cached.fit(X, Y)
    dump(cached, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    assert again.memory is again.encoder_.memory is None
    np.testing.assert_array_equal(again.predict_proba(X), cached.predict_proba(X))
    assert pickle.loads(pickle.dumps(cached)).memory == cached.memory
    assert str(cached.memory).encode() not in (tmp_path / "model.skops").read_bytes()


@pytest.mark.parametrize("name", ["memory", "_skl_callbacks"])
def test_a_state_that_names_a_folder_or_callbacks_is_refused(name):
    encoder = SetFitEncoder()
    with pytest.raises(ValueError, match=f"what no file may have: \\['{name}'\\]"):
        encoder.__setstate__(encoder.__getstate__() | {name: "folder"})


def test_the_embeddings_of_a_caller_are_the_callers_own(cached):
    encoder = cached.fit(X, Y).encoder_
    first = encoder.transform(X)
    before = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(encoder.transform(X), before)


def test_tuning_on_from_a_body_that_was_found_leaves_it_as_it_was(cached):
    cached.fit(X, Y)
    before = cached.fit(X, Y).predict_proba(X)
    cached.set_params(warm_start=True).fit(X, Y)
    assert np.abs(cached.predict_proba(X) - before).max() > 1e-4
    np.testing.assert_array_equal(cached.set_params(warm_start=False).fit(X, Y).predict_proba(X), before)


# -- writers at the same time, and folders that cannot be used


def test_several_processes_write_at_the_same_time(cached):
    alone = cross_val_score(clone(cached).set_params(head__C=10), X, Y, cv=3)
    shutil.rmtree(cached.memory)
    search = GridSearchCV(cached, {"head__C": [1, 10, 100]}, cv=3, n_jobs=2, refit=False).fit(X, Y)
    np.testing.assert_array_equal([search.cv_results_[f"split{i}_test_score"][1] for i in range(3)], alone)


def test_threads_that_want_the_same_body_all_get_it(cached):
    answers = []

    def fit():
        clf = SetFitClassifier(**cached.get_params())
        answers.append(clf.fit(X, Y).predict_proba(X))

    threads = [threading.Thread(target=fit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


@contextmanager
def full_disk(n_bytes):
    """No file of this process can grow beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_a_warning_and_no_result(cached, tmp_path, tunings):
    expected = cached.set_params(memory=None).fit(X, Y).predict_proba(X)
    with pytest.warns(UserWarning, match=r"memory='somewhere' cannot be used \(OSError"), full_disk(20_000):
        cached.set_params(memory="somewhere").fit(X, Y)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {".gitignore"}  # joblib's
    np.testing.assert_array_equal(cached.predict_proba(X), expected)
    np.testing.assert_array_equal(cached.fit(X, Y).predict_proba(X), expected)
    assert len(tunings) == 3


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_file_in_the_place_of_the_folder_costs_a_warning_and_no_result(cached, tmp_path, tunings):
    (tmp_path / "occupied").write_text("a file")
    with pytest.warns(UserWarning, match="cannot be used"):
        cached.set_params(memory=tmp_path / "occupied").fit(X, Y)
    assert cached.predict(X[:1]).shape == (1,)
    assert (tmp_path / "occupied").read_text() == "a file"
    assert len(tunings) == 1


CHANGED = {
    "one bit in the middle": lambda content: content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:],
    "half of it": lambda content: content[: len(content) // 2],
    "nothing": lambda content: b"",
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_entry_is_told_and_made_anew(cached, tmp_path, tunings, change):
    expected = cached.fit(X, Y).predict_proba(X)
    (entry,) = (tmp_path / "memory").rglob("output.pkl")
    content = CHANGED[change](entry.read_bytes())
    entry.unlink()  # which this process has mapped
    entry.write_bytes(content)
    with pytest.warns(UserWarning, match=rf"'{re.escape(str(entry.parent))}' of memory= does not match its checksum"):
        np.testing.assert_array_equal(cached.fit(X, Y).predict_proba(X), expected)
    np.testing.assert_array_equal(cached.fit(X, Y).predict_proba(X), expected)
    assert len(tunings) == 2


def test_an_entry_without_its_checksum_is_made_anew(cached, tmp_path, tunings):
    cached.fit(X, Y)
    (checksum,) = (tmp_path / "memory").rglob("output.sha256")
    checksum.unlink()
    with pytest.warns(UserWarning, match="does not match its checksum"):
        cached.fit(X, Y)
    assert len(tunings) == 2


def test_a_memory_of_joblib_deletes_entries(cached, tmp_path, tunings):
    memory = joblib.Memory(tmp_path / "memory", verbose=0)
    cached.fit(X, Y)
    memory.reduce_size(bytes_limit=0)
    assert not list(tmp_path.rglob("output.pkl"))
    cached.fit(X, Y)
    memory.clear(warn=False)
    assert not list(tmp_path.rglob("output.pkl"))
    assert len(tunings) == 2


def test_an_error_of_the_tuning_is_not_taken_for_one_of_the_memory(cached, tunings):
    with pytest.raises(ValueError, match="diverged"):
        cached.set_params(learning_rate=1e38).fit(X, Y)
    assert len(tunings) == 1


def test_nothing_is_written_without_a_memory(tiny_classifier, tmp_path):
    tiny_classifier.fit(X, Y).predict(X)
    assert os.listdir(tmp_path) == []


def test_texts_do_not_stand_in_the_folder(cached, tmp_path):
    cached.fit([*X, "a very private text"], [*Y, "food"])
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"very private" not in kept


def test_a_memory_of_the_users_own_is_used(cached, tmp_path, tunings):
    memory = joblib.Memory(tmp_path / "own", verbose=0)
    cached.set_params(memory=memory)
    cached.fit(X, Y)
    cached.fit(X, Y)
    assert len(tunings) == 1
    assert list((tmp_path / "own").rglob("output.pkl"))


class WithoutFolder:
    def cache(self, function):
        return function


@pytest.mark.parametrize("memory", [3, WithoutFolder()])
def test_a_memory_of_no_kind_is_refused(tiny_classifier, memory):
    with pytest.raises(ValueError, match=r"The 'memory' parameter .* implementing 'cache' and 'reduce_size'"):
        tiny_classifier.set_params(memory=memory).fit(X, Y)


def test_a_scoring_that_cannot_be_pickled_is_refused_before_any_training(cached, tunings):
    cached.set_params(early_stopping=True, scoring=lambda classifier, X, y: 1.0)
    with pytest.raises(ValueError, match="memory= needs a head and a scoring that can be pickled"):
        cached.fit(X, Y)
    assert tunings == []
    assert cached.set_params(memory=None).fit(X, Y).validation_scores_[0] == 1.0


# -- the parts


def test_a_key_is_of_values_not_of_objects():
    assert key_of(["a", "b"], {"c": 1}) == key_of(["".join(["a"]), "b"], {"c": 1})
    assert key_of(["a", "b"]) != key_of(["b", "a"])


def test_what_is_kept_is_computed_once(tmp_path):
    computed = []
    for _ in range(2):
        value = cached_call(tmp_path, "key", lambda: computed.append(1) or ({"array": np.arange(3)}, True))
    assert computed == [1]
    np.testing.assert_array_equal(value["array"], np.arange(3))


def test_what_is_not_to_be_kept_is_computed_again(tmp_path):
    computed = []
    for _ in range(2):
        assert cached_call(tmp_path, "key", lambda: (computed.append(1), False)) is None
    assert computed == [1, 1]


def test_array_cache_evicts_by_bytes():
    recent = _RecentArrays(3 * 80)
    for key in "abc":
        recent.put(key, np.arange(10))
    assert recent.get("a") is not None
    recent.put("d", np.arange(10))
    assert [key for key in "abcd" if recent.get(key) is not None] == ["a", "c", "d"]
    recent.put("too much", np.arange(100))
    assert recent.get("too much") is None
