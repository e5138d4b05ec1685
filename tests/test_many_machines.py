"""Several worker processes of Dask, as on several machines: the answers of one process, whatever dies meanwhile."""

import os
import signal

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from conftest import make_texts
from sksetfit import SetFitClassifier, dump, load, write_setfit

distributed = pytest.importorskip("distributed")
dataframe = pytest.importorskip("dask.dataframe")

TEXTS, LABELS = make_texts(8)
X, Y = np.array(TEXTS), np.array(LABELS)  # arrays, which joblib scatters; lists go along with every task
MANY = pd.DataFrame({"text": make_texts(40, seed=1)[0]}, index=range(1000, 1120))
TOO_LONG = 120  # seconds, after which a test fails that would wait for ever
CANDIDATES = {"head__C": [0.1, 10, 100], "max_steps": [2, 5]}


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each, and a connection to them."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as connected,
    ):
        connected.amm.stop()  # as docs/scaling.md says: it would drop the copies that a search outlives its worker by
        yield connected


@pytest.fixture
def workers(client):
    """The same, after whoever was killed before has come back."""
    client.wait_for_workers(2, timeout=TOO_LONG)
    return client


@pytest.fixture
def classifier(tiny_classifier):
    """A classifier that is quick to fit, and the same in every process."""
    return tiny_classifier.set_params(precision="float32")


@pytest.fixture(scope="module")
def answers(fitted):
    """What one process predicts."""
    return pd.Series(fitted.predict(MANY["text"]), index=MANY.index, name="label", dtype="str")


class DyingOnce:
    """Something that kills the worker that it is called in, the first time."""

    def __init__(self, marker):
        self.marker = str(marker)
        self.owner = os.getpid()

    def die(self):
        try:
            os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        assert os.getpid() != self.owner, "this runs in the tests' own process"
        os.kill(os.getpid(), signal.SIGKILL)

    def has_died(self):
        return os.path.exists(self.marker)


# Searches


def scores(search):
    return {
        name: values.tolist() for name, values in search.cv_results_.items() if "score" in name and "time" not in name
    }


def test_a_grid_search_on_workers_finds_what_one_process_finds(workers, classifier):
    here, there = (GridSearchCV(classifier, CANDIDATES, cv=2) for _ in range(2))
    here.fit(X, Y)
    with joblib.parallel_config("dask", scatter=[X, Y]):
        there.fit(X, Y)
    assert scores(there) == scores(here)
    assert there.best_params_ == here.best_params_
    np.testing.assert_array_equal(there.predict_proba(MANY["text"]), here.predict_proba(MANY["text"]))


class SignedScorer:
    """Accuracy, returned after the process that computes it has left its number in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, clf, X, y):
        (self.folder / str(os.getpid())).touch()
        return clf.score(X, y)

    def processes(self):
        return {int(path.name) for path in self.folder.iterdir()}


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_cross_validation_on_workers_scores_what_it_scores_in_one_process(form, workers, classifier, tmp_path):
    signed = SignedScorer(tmp_path)
    with joblib.parallel_backend("dask"):
        there = cross_val_score(classifier, form(TEXTS), form(LABELS), cv=3, scoring=signed)
    assert signed.processes() <= set(workers.run(os.getpid).values())
    here = cross_val_score(classifier, form(TEXTS), form(LABELS), cv=3)
    np.testing.assert_array_equal(there, here)


# As in test_searches.py: the class is experimental, and reports scores through what Optuna is about to remove.
@pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental")
@pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated:FutureWarning")
def test_the_folds_of_each_trial_of_optuna_run_on_workers(workers, classifier, tmp_path):
    optuna, integration = pytest.importorskip("optuna"), pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    signed, space = SignedScorer(tmp_path), {"head__C": optuna.distributions.FloatDistribution(1, 100, log=True)}
    here, there = (
        integration.OptunaSearchCV(classifier, space, n_trials=2, cv=2, scoring=signed, random_state=0)
        for _ in range(2)
    )
    with joblib.parallel_config("dask"):
        there.fit(TEXTS, LABELS)
    assert signed.processes() <= set(workers.run(os.getpid).values())
    here.fit(TEXTS, LABELS)
    assert [trial.value for trial in there.trials_] == [trial.value for trial in here.trials_]
    np.testing.assert_array_equal(there.predict_proba(MANY["text"]), here.predict_proba(MANY["text"]))


class DyingScorer(DyingOnce):
    """Accuracy, returned after its worker has died once, when two candidates of three were scored."""

    def __call__(self, clf, X, y):
        if clf.head.C == 100:
            self.die()
        return clf.score(X, y)


@pytest.mark.slow  # as is the next: a new worker imports torch, and what it then does is as in the tests above
def test_a_worker_that_is_killed_does_not_lose_a_grid_search(workers, classifier, tmp_path):
    grid, scorer = {"head__C": [0.1, 10, 100]}, DyingScorer(tmp_path / "died")
    expected = GridSearchCV(classifier, grid, cv=2).fit(X, Y)
    splits = list(StratifiedKFold(2).split(X, Y))
    search = GridSearchCV(classifier, grid, cv=splits, scoring=scorer)
    with joblib.parallel_config("dask", scatter=[X, Y, *(rows for split in splits for rows in split)]):
        search.fit(X, Y)
    assert scorer.has_died()
    assert scores(search) == scores(expected)


# Scoring


def label(texts, clf):
    """Return the label of each text as a Series; of none where a partition has no rows."""
    found = clf.predict(texts) if len(texts) else []
    return pd.Series(found, index=texts.index, name="label", dtype="str")


def gathered(client, futures):
    """Return one Series of the chunks, or fail where they take too long to come."""
    distributed.wait(futures, timeout=TOO_LONG)
    return pd.concat(client.gather(futures))


def chunks_of(frame, n_rows=20):
    return [frame["text"].iloc[start : start + n_rows] for start in range(0, len(frame), n_rows)]


def count_unpickled():
    """Count from here on how many fitted classifiers this process makes of bytes."""
    original = getattr(SetFitClassifier, "original", SetFitClassifier.__setstate__)

    def counting(self, state):
        SetFitClassifier.n_unpickled += "head_" in state
        original(self, state)

    SetFitClassifier.original, SetFitClassifier.n_unpickled = original, 0
    SetFitClassifier.__setstate__ = counting


def n_unpickled():
    return SetFitClassifier.n_unpickled


@pytest.fixture
def model(workers, fitted):
    """A fitted classifier on each worker, where it was counted how often it came there."""
    workers.run(count_unpickled)
    return workers.scatter(
        fitted, broadcast=True, hash=False
    )  # else the one of the test before, where it is still there


def assert_came_once(client, model):
    assert set(client.who_has(model)[model.key]) == set(client.nthreads())
    assert list(client.run(n_unpickled).values()) == [1, 1]


def test_a_dask_frame_is_labelled_by_partitions_with_one_model_per_worker(workers, model, answers):
    frame = dataframe.from_pandas(MANY, npartitions=6)
    found = frame["text"].map_partitions(label, model, meta=("label", "str")).compute()
    pd.testing.assert_series_equal(found, answers)
    assert_came_once(workers, model)


def test_a_partition_without_rows_is_labelled_as_nothing(workers, model, answers):
    frame = dataframe.from_pandas(MANY.assign(day=np.arange(len(MANY)) // 20), npartitions=6)
    some = frame[frame["day"] == 5]["text"].map_partitions(label, model, meta=("label", "str")).compute()
    pd.testing.assert_series_equal(some, answers.loc[1100:])


def test_a_column_of_labels_joins_a_dask_frame(workers, model, answers):
    frame = dataframe.from_pandas(MANY, npartitions=3)
    joined = frame.assign(label=frame["text"].map_partitions(label, model, meta=("label", "str"))).compute()
    assert joined["text"].tolist() == MANY["text"].tolist()
    pd.testing.assert_series_equal(joined["label"], answers)


def test_a_frame_in_chunks_is_labelled_with_one_model_per_worker(workers, model, answers):
    found = gathered(workers, workers.map(label, chunks_of(MANY), clf=model))
    pd.testing.assert_series_equal(found, answers)
    assert_came_once(workers, model)


class DyingLabel(DyingOnce):
    """Labels of texts, found after the worker has died once, on the chunk in the middle."""

    def __call__(self, texts, clf):
        if texts.index[0] == 1060:
            self.die()
        return label(texts, clf)


@pytest.mark.slow
def test_a_worker_that_is_killed_does_not_lose_chunks(workers, model, answers, tmp_path):
    dying = DyingLabel(tmp_path / "died")
    found = gathered(workers, workers.map(dying, chunks_of(MANY), clf=model))
    assert dying.has_died()
    pd.testing.assert_series_equal(found, answers)


@pytest.mark.slow
def test_dask_reloads_model_after_worker_dies(workers, fitted, answers, tmp_path):
    dump(fitted, tmp_path / "model.skops")
    read = workers.submit(load, tmp_path / "model.skops")
    distributed.wait(read, timeout=TOO_LONG)
    (holder,) = workers.who_has(read)[read.key]
    os.kill(workers.run(os.getpid)[holder], signal.SIGKILL)
    found = gathered(workers, workers.map(label, chunks_of(MANY), clf=read))
    pd.testing.assert_series_equal(found, answers)


# Several devices of one machine


@pytest.mark.slow
def test_sentence_transformers_encodes_on_several_devices_for_the_head(fitted, answers, tmp_path):
    from sentence_transformers import SentenceTransformer

    write_setfit(fitted, tmp_path / "folder")
    body = SentenceTransformer(str(tmp_path / "folder"), device="cpu")
    embeddings = body.encode(MANY["text"].tolist(), device=["cpu", "cpu"], chunk_size=30)
    np.testing.assert_allclose(embeddings, fitted.encoder_.transform(MANY["text"]), atol=1e-5)
    np.testing.assert_array_equal(fitted.head_.predict(embeddings), answers)
