"""scikit-learn's callbacks: the calls during a fit, and that they can stop it."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from conftest import make_texts
from sksetfit import dump, load

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X, Y = make_texts(8)


class Recorder:
    """Records its calls, and stops after a number of steps."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after = [], stop_after

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, None))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None, metadata=None):
        self.calls.append(("end", context.task_name, context.task_id))
        self.given = X, y, metadata
        self.fitted = fitted_estimator
        self.answer = fitted_estimator.transform(X) if hasattr(estimator, "transform") else fitted_estimator.predict(X)
        return context.task_name == "tuning step" and context.task_id + 1 == self.stop_after


@pytest.fixture(params=["tiny_classifier", "tiny_encoder"])
def estimator(request):
    return request.getfixturevalue(request.param).set_params(max_steps=4)


def test_callback_sees_fit_and_each_step(estimator):
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(X, Y)
    steps = [each for i in range(4) for each in (("begin", "tuning step", i), ("end", "tuning step", i))]
    assert recorder.calls == [
        ("setup", "fit", 4),
        ("begin", "fit", 0),
        *steps,
        ("end", "fit", 0),
        ("teardown", "fit", None),
    ]
    assert recorder.given == (X, Y, {})


def test_a_callback_stops_the_tuning(estimator):
    estimator.set_callbacks(Recorder(stop_after=2)).fit(X, Y)
    assert (estimator.n_steps_, estimator.loss_curve_.shape) == (2, (2,))


def test_callback_estimator_predicts_like_stopped_fit(tiny_classifier):
    recorder = Recorder(stop_after=3)
    tiny_classifier.set_callbacks(recorder).fit(X, Y)
    np.testing.assert_array_equal(recorder.answer, tiny_classifier.predict(X))
    assert recorder.fitted.n_steps_ == 3
    assert not hasattr(clone(tiny_classifier), "encoder_")


def test_a_fit_does_not_depend_on_who_looks_on(tiny_classifier):
    alone = tiny_classifier.fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(tiny_classifier.set_callbacks(Recorder()).fit(X, Y).predict_proba(X), alone)


def test_a_fit_without_steps_and_one_from_a_memory_are_reported(tiny_classifier, tmp_path):
    recorder = Recorder()
    tiny_classifier.set_params(memory=tmp_path).fit(X, Y)
    tiny_classifier.set_callbacks(recorder).fit(X, Y)
    assert [kind for kind, _, _ in recorder.calls] == ["setup", "begin", "end", "teardown"]
    tiny_classifier.set_params(memory=None, max_steps=0).fit(X, Y)
    assert [kind for kind, _, _ in recorder.calls[4:]] == ["setup", "begin", "end", "teardown"]


def test_a_callback_is_torn_down_when_the_fit_fails(tiny_classifier):
    recorder = Recorder()
    with pytest.raises(ValueError, match="diverged"):
        tiny_classifier.set_callbacks(recorder).set_params(learning_rate=1e38).fit(X, Y)
    assert recorder.calls[-1][0] == "teardown"
    assert not any(name.startswith("_callback") for name in vars(tiny_classifier))


def test_every_task_that_begins_ends_also_where_early_stopping_stops(tiny_classifier):
    recorder = Recorder()
    tiny_classifier.set_params(early_stopping=True, n_iter_no_change=1, scoring=lambda *_: 1.0, max_steps=30)
    tiny_classifier.set_callbacks(recorder).fit(X, Y)
    begun, ended = ([each[1:] for each in recorder.calls if each[0] == kind] for kind in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    assert len(begun) < 30


class FailingAtTheEnd(Recorder):
    def on_fit_task_end(self, estimator, context):
        if context.task_name == "fit":
            raise RuntimeError("no end")


def test_a_callback_that_fails_leaves_the_estimator_as_it_was(estimator):
    estimator.fit(X, Y)
    before = dict(vars(estimator))
    with pytest.raises(RuntimeError, match="no end"):
        estimator.set_callbacks(FailingAtTheEnd()).set_params(random_state=5).fit(X, Y)
    assert all(vars(estimator)[name] is value for name, value in before.items() if name != "random_state")


def test_scores_of_each_step_are_monitored(tiny_classifier):
    monitor = callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    clf = tiny_classifier.set_callbacks(monitor).fit(X, Y, sample_weight=np.ones(24))
    rows = monitor.get_logs().data_as_pandas
    steps = rows[rows["task_name"] == "tuning step"]
    assert len(steps) == 10
    assert steps["accuracy"].iloc[-1] == clf.score(X, Y)
    assert steps["neg_log_loss"].iloc[-1] > steps["neg_log_loss"].iloc[0]


@pytest.mark.filterwarnings("ignore:.*install.*ipywidgets")
def test_a_grid_shows_the_steps_in_its_progress_bar(tiny_classifier, capsys):
    pytest.importorskip("rich")
    search = GridSearchCV(tiny_classifier, {"head__C": [1, 10]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=2)).fit(X, Y)
    assert "SetFitClassifier" in capsys.readouterr().out
    assert not hasattr(search.best_estimator_, "_parent_callback_ctx")


def test_a_pipeline_passes_its_bar_on(tiny_encoder, capsys):
    pytest.importorskip("rich")
    pipeline = make_pipeline(tiny_encoder, LogisticRegression())
    pipeline.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X, Y)
    assert "SetFitEncoder" in capsys.readouterr().out


def test_callbacks_stay_out_of_files_and_clones_share_them(tiny_classifier, tmp_path):
    recorder = Recorder()
    tiny_classifier.set_callbacks(recorder).fit(X, Y)
    dump(tiny_classifier, tmp_path / "model.skops")
    assert not hasattr(load(tmp_path / "model.skops"), "_skl_callbacks")
    assert clone(tiny_classifier)._skl_callbacks[0] is recorder
    del recorder.fitted
    assert len(pickle.loads(pickle.dumps(tiny_classifier))._skl_callbacks) == 1


WITHOUT = """
import importlib, sys
import sksetfit.training.callbacks as callbacks
sys.modules["sklearn.callback"] = None  # as below scikit-learn 1.9
importlib.reload(callbacks)
assert callbacks.with_callbacks(len) is len
assert not hasattr(callbacks.CallbackSupportMixin, "set_callbacks")
assert callbacks.scikit_learn_callbacks(object(), [], [], None, dict) == []
"""


def test_below_scikit_learn_1_9_there_are_none():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
