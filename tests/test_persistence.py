import copy
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import sklearn
import skops.io
from packaging.version import Version
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC

from conftest import make_texts
from sksetfit import SetFitClassifier, SetFitEncoder, dump, load

X_NEW, _ = make_texts(10, seed=1)


@pytest.fixture
def file(fitted, tmp_path):
    dump(fitted, tmp_path / "model.skops")
    return tmp_path / "model.skops"


def test_a_loaded_classifier_gives_equal_answers(fitted, file):
    again = load(file)
    np.testing.assert_array_equal(again.predict_proba(X_NEW), fitted.predict_proba(X_NEW))
    np.testing.assert_array_equal(again.predict(X_NEW), fitted.predict(X_NEW))
    assert again.get_params() == fitted.get_params()


def test_a_fresh_process_without_a_network_gives_equal_answers(fitted, file):
    code = f"""
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        raise AssertionError(event)
sys.addaudithook(refuse)
from sksetfit import load
print(load({str(file)!r}).predict_proba({X_NEW!r}).tolist())
"""
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == str(fitted.predict_proba(X_NEW).tolist())


def test_only_this_packages_own_types_need_trust(file):
    assert skops.io.get_untrusted_types(file=file) == ["sksetfit.SetFitClassifier", "sksetfit.SetFitEncoder"]


def test_the_round_trip_made_twice_gives_the_same_weights(file, tmp_path):
    again = load(file)
    dump(again, tmp_path / "again.skops")
    twice = load(tmp_path / "again.skops")
    weights = [model.encoder_.__getstate__()["_body"]["weights"] for model in (again, twice)]
    assert weights[0] == weights[1]


def test_the_file_is_little_larger_than_the_weights(fitted, file):
    state = fitted.encoder_.__getstate__()["_body"]
    assert os.path.getsize(file) < len(state["weights"]) + len(state["tokenizer"]) + 60_000


def test_a_compressed_file_is_smaller_and_loads(fitted, file, tmp_path):
    dump(fitted, tmp_path / "small.skops", compress=True)
    assert os.path.getsize(tmp_path / "small.skops") < os.path.getsize(file)
    np.testing.assert_array_equal(load(tmp_path / "small.skops").predict(X_NEW), fitted.predict(X_NEW))


def test_a_pipeline_is_kept(tiny_model, tmp_path):
    X, y = make_texts(8)
    indicator = np.array([[label == "food", label != "sport"] for label in y], dtype=int)
    encoder = SetFitEncoder(tiny_model, max_steps=2, label_texts=None, random_state=0)
    pipeline = make_pipeline(
        ColumnTransformer([("text", encoder, 0)]), ClassifierChain(LogisticRegression(), random_state=0)
    )
    table = np.array(X, dtype=object)[:, None]
    pipeline.fit(table, indicator)
    dump(pipeline, tmp_path / "pipeline.skops")
    np.testing.assert_array_equal(load(tmp_path / "pipeline.skops").predict_proba(table), pipeline.predict_proba(table))


AROUND = {
    "GridSearchCV": lambda clf: GridSearchCV(clf, {"head__C": [1, 10]}, cv=2),
    "GridSearchCV with folds": lambda clf: GridSearchCV(clf, {"head__C": [1, 10]}, cv=StratifiedKFold(2)),
    "CalibratedClassifierCV": lambda clf: CalibratedClassifierCV(clf, cv=2),
    "temperature": lambda clf: CalibratedClassifierCV(clf, method="temperature", cv=2),
    "FrozenEstimator": lambda clf: CalibratedClassifierCV(FrozenEstimator(clf.fit(*make_texts(4)))),
    "VotingClassifier": lambda clf: VotingClassifier([("a", clf), ("b", clone(clf))], voting="soft"),
    "StackingClassifier": lambda clf: StackingClassifier([("a", clf)], cv=2),
    "OneVsRestClassifier": OneVsRestClassifier,
    "Pipeline": lambda clf: make_pipeline("passthrough", clf),
    "support vectors as head": lambda clf: clf.set_params(head=SVC()),
    "neighbours as head": lambda clf: clf.set_params(head=KNeighborsClassifier(3)),
    "a calibrated head": lambda clf: clf.set_params(head=CalibratedClassifierCV(LinearSVC(), cv=2)),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_holds_a_classifier_is_read_without_question(tiny_classifier, tmp_path, name):
    if name == "temperature" and Version(sklearn.__version__) < Version("1.8"):
        pytest.skip("scikit-learn below 1.8 has no temperature scaling")
    X, y = make_texts(5)
    estimator = AROUND[name](tiny_classifier.set_params(max_steps=1)).fit(X, y)
    dump(estimator, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict(X_NEW), estimator.predict(X_NEW))


def halve(embeddings):
    return embeddings / 2


def test_types_that_load_will_question_are_told_when_they_are_written(tiny_classifier, tmp_path):
    head = make_pipeline(FunctionTransformer(halve), LogisticRegression())
    classifier = tiny_classifier.set_params(head=head, max_steps=0).fit(*make_texts(4))
    with pytest.warns(UserWarning, match=r"load\(\) wants trusted=\['test_persistence.halve'\]"):
        dump(classifier, tmp_path / "model.skops")
    with pytest.raises(ValueError, match="types that are not trusted"):
        load(tmp_path / "model.skops")
    again = load(tmp_path / "model.skops", trusted=["test_persistence.halve"])
    np.testing.assert_array_equal(again.predict(X_NEW), classifier.predict(X_NEW))


def test_an_unfitted_estimator_is_not_written(tiny_model, tmp_path):
    with pytest.raises(NotFittedError):
        dump(SetFitClassifier(tiny_model), tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told_before_anything_is_written(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model.skops' cannot be written: there is no folder '.*nowhere'"):
        dump(fitted, tmp_path / "nowhere" / "model.skops")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        dump(fitted, tmp_path)
    assert not list(tmp_path.iterdir())


def test_arguments_of_another_kind_are_told(fitted, file):
    with pytest.raises(TypeError, match=r"dump\(estimator, file\) writes a fitted estimator, got str"):
        dump(str(file), fitted)
    with pytest.raises(TypeError, match="trusted must be a list"):
        load(file, trusted="sklearn.tree._tree.Tree")


def test_a_failure_while_writing_leaves_the_older_file_whole(fitted, file, monkeypatch):
    before = file.read_bytes()

    def full_disk(estimator, stream, **options):
        stream.write(b"half a mod")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(skops.io, "dump", full_disk)
    with pytest.raises(OSError, match="No space left"):
        dump(fitted, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_gets_the_permissions_of_any_new_file(file, tmp_path):
    (tmp_path / "other").write_text("")
    assert file.stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 nearly a zip"])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "x.skops").write_bytes(content)
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged"):
        load(tmp_path / "x.skops")


def test_a_truncated_model_is_refused(file):
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged"):
        load(file)


def test_a_small_file_of_endless_content_is_refused(file):
    with ZipFile(file, "a", ZIP_DEFLATED) as archive:
        archive.writestr("more.bin", bytes(120_000_000))
    with pytest.raises(ValueError, match=r"is no sksetfit model, or is damaged: its \d+ bytes would unpack to \d{9}"):
        load(file)


def test_a_damaged_body_is_refused_with_the_name_of_the_file(fitted, file):
    changed = copy.deepcopy(fitted)
    changed.encoder_._body.pad_token_id = 10**9
    dump(changed, file)
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged: The saved body"):
        load(file)


def test_a_classifier_whose_encoder_is_something_else_is_refused(fitted):
    with pytest.raises(ValueError, match="encoder_ must be a SetFitEncoder, got str"):
        SetFitClassifier().__setstate__(fitted.__getstate__() | {"encoder_": "an encoder"})


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "x.skops")


def test_other_types_than_scikit_learns_are_refused_unless_named(fitted, tmp_path):
    skops.io.dump({"model": fitted, "where": Path("/")}, tmp_path / "odd.skops")
    unknown = set(skops.io.get_untrusted_types(file=tmp_path / "odd.skops"))
    unknown -= {"sksetfit.SetFitClassifier", "sksetfit.SetFitEncoder"}
    with pytest.raises(ValueError, match="types that are not trusted") as caught:
        load(tmp_path / "odd.skops")
    assert all(name in str(caught.value) for name in unknown)
    assert "model" in load(tmp_path / "odd.skops", trusted=sorted(unknown))


def test_a_model_given_as_a_path_is_kept_as_a_string(tiny_model, tmp_path):
    classifier = SetFitClassifier(Path(tiny_model), max_steps=1, random_state=0).fit(*make_texts(2))
    dump(classifier, tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").model == tiny_model


def test_a_link_keeps_pointing_to_the_file(fitted, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "model.skops")
    dump(fitted, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "model.skops").exists()
