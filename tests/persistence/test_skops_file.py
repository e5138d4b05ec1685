import ast
import copy
import io
import os
import pickle
import re
import stat
import subprocess
import sys
from ast import literal_eval
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
import torch
from packaging.version import Version
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from conftest import make_texts
from forging import add, attributes, forge, packed, plain, read_members
from sksetfit import RejectClassifier, SetFitClassifier, SetFitEncoder, __version__, dump, load
from sksetfit.encoder import body_of

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


def test_a_file_of_0_1_0_gives_the_answers_that_it_gave_there():
    """The classifier of the fixture `fitted`, written by sksetfit 0.1.0, and the probabilities that it gave then."""
    data = Path(__file__).parents[1] / "data"
    with pytest.warns(UserWarning, match=r"saved by sksetfit '0\.1\.0'"):
        before = load(data / "classifier_0_1_0.skops")
    probabilities = pd.read_csv(data / "classifier_0_1_0.csv")
    texts = make_texts(4, seed=1)[0]
    assert before.classes_.tolist() == probabilities.columns.tolist()
    np.testing.assert_allclose(before.predict_proba(texts), probabilities, atol=1e-6)


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
    first, second = (model.encoder_.__getstate__()["body"]["weights"] for model in (again, twice))
    assert first.keys() == second.keys()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


@pytest.mark.real_weights
def test_a_file_is_at_most_two_percent_larger_than_the_weights(tmp_path):
    classifier = SetFitClassifier(max_steps=0).fit(["good", "bad"], ["yes", "no"])
    dump(classifier, tmp_path / "model.skops")
    weights = classifier.encoder_.__getstate__()["body"]["weights"]
    assert os.path.getsize(tmp_path / "model.skops") < 1.02 * sum(array.nbytes for array in weights.values())


def test_writing_leaves_the_live_model_as_it_was(fitted, tmp_path):
    before = {name: tensor.clone() for name, tensor in body_of(fitted.encoder_).state_dict().items()}
    expected = fitted.predict_proba(X_NEW)
    dump(fitted, tmp_path / "model.skops")
    assert all(torch.equal(tensor, before[name]) for name, tensor in body_of(fitted.encoder_).state_dict().items())
    np.testing.assert_array_equal(fitted.predict_proba(X_NEW), expected)


def test_a_compressed_file_is_smaller_and_loads(fitted, file, tmp_path):
    dump(fitted, tmp_path / "small.skops", compression=ZIP_DEFLATED)
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
    "BaggingClassifier of columns": lambda clf: clf.set_params(head=BaggingClassifier(LogisticRegression(), 2)),
    "StackingClassifier": lambda clf: StackingClassifier([("a", clf)], cv=2),
    "OneVsRestClassifier": OneVsRestClassifier,
    "Pipeline": lambda clf: make_pipeline("passthrough", clf),
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


class Outer:
    class Scaler(FunctionTransformer):
        pass


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (FunctionTransformer(lambda rows: rows), r"test_skops_file\..*<lambda>"),
        (FunctionTransformer(str.lower), r"builtins\.method_descriptor"),
        (FunctionTransformer(dict.fromkeys), r".*fromkeys"),
        (Outer.Scaler(), r"test_skops_file\.Scaler"),
    ],
)
def test_dump_refuses_what_has_no_name(fitted, tmp_path, step, name):
    clf = copy.copy(fitted)
    clf.head_ = make_pipeline(step, fitted.head_)
    with pytest.raises(ValueError, match=f"holds '{name}', which no file can hold.*with def"):
        dump(clf, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_dump_and_load_say_what_to_do_with_a_function_of_the_program(fitted, tmp_path, monkeypatch):
    clf, main = copy.copy(fitted), sys.modules["__main__"]
    monkeypatch.setattr(halve, "__module__", "__main__")
    monkeypatch.setattr(main, "halve", halve, raising=False)
    clf.head_ = make_pipeline(FunctionTransformer(halve), fitted.head_)
    with pytest.warns(UserWarning, match=r"finds '__main__\.halve' only in a program that defines it") as warned:
        dump(clf, tmp_path / "model.skops")
    trusted = ast.literal_eval(re.search(r"trusted=(\[.*?\])", str(warned[0].message))[1])
    np.testing.assert_array_equal(load(tmp_path / "model.skops", trusted=trusted).predict(X_NEW), clf.predict(X_NEW))
    monkeypatch.delattr(main, "halve")
    with pytest.raises(ValueError, match=r"has no attribute 'halve'. Define it there before load"):
        load(tmp_path / "model.skops", trusted=trusted)


def test_types_that_load_will_question_are_told_when_they_are_written(tiny_classifier, tmp_path):
    head = make_pipeline(FunctionTransformer(halve), LogisticRegression())
    classifier = tiny_classifier.set_params(head=head, max_steps=0).fit(*make_texts(4))
    with pytest.warns(UserWarning, match=r"load\(\) wants trusted=\[.*'test_skops_file.halve'\]"):
        dump(classifier, tmp_path / "model.skops")
    with pytest.raises(
        ValueError, match=r"not trusted.*'test_skops_file.halve'\]\)\. It holds no \['halve'\], as passed\."
    ):
        load(tmp_path / "model.skops", trusted=["halve"])
    transformer = "sklearn.preprocessing._function_transformer.FunctionTransformer"
    with pytest.raises(ValueError, match=rf"trusted=\['{transformer}', 'test_skops_file.halve'\]\)\.$"):
        load(tmp_path / "model.skops", trusted=[transformer])
    again = load(tmp_path / "model.skops", trusted=["test_skops_file.halve", transformer])
    np.testing.assert_array_equal(again.predict(X_NEW), classifier.predict(X_NEW))


COMPILED = {
    "a forest": RandomForestClassifier(3),
    "a tree": DecisionTreeClassifier(),
    "a support vector machine": SVC(),
    "the nu form": NuSVC(nu=0.3),
    "neighbours": KNeighborsClassifier(3),
    "neighbours within a radius": RadiusNeighborsClassifier(1e9),
    "calibrated": CalibratedClassifierCV(SVC(), cv=2),
    "a vote": VotingClassifier([("a", LogisticRegression()), ("b", LinearSVC())]),
}


@pytest.mark.parametrize("kind", COMPILED)
def test_load_reads_heads_of_unchecked_arrays_with_the_types_that_dump_names(tiny_classifier, tmp_path, kind):
    file, (X, y) = tmp_path / "model.skops", make_texts(4)
    classifier = tiny_classifier.set_params(head=COMPILED[kind], max_steps=0).fit(X, y)
    with pytest.warns(UserWarning, match=r"load\(\) wants trusted=\['sklearn\.") as caught:
        dump(classifier, file)
    with pytest.raises(ValueError, match="types that are not trusted") as raised:
        load(file)
    named = [literal_eval(re.search(r"trusted=(\[.*?\])", str(each))[1]) for each in (caught[0].message, raised.value)]
    assert named[0] == named[1]
    np.testing.assert_array_equal(load(file, trusted=named[0]).predict(X_NEW), classifier.predict(X_NEW))


def test_words_are_read_where_their_vectorizer_is_named(tiny_encoder, tmp_path):
    file, (X, y) = tmp_path / "model.skops", make_texts(4)
    union = make_pipeline(make_union(tiny_encoder.set_params(max_steps=0), TfidfVectorizer()), LogisticRegression())
    with pytest.warns(UserWarning, match=r"load\(\) wants trusted=\['sklearn\.") as caught:
        dump(union.fit(X, y), file)
    named = literal_eval(re.search(r"trusted=(\[.*?\])", str(caught[0].message))[1])
    np.testing.assert_array_equal(load(file, trusted=named).predict_proba(X_NEW), union.predict_proba(X_NEW))


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


def test_arguments_of_another_kind_raise(fitted, file):
    with pytest.raises(TypeError, match=r"dump\(estimator, file\) writes a fitted estimator, got str"):
        dump(str(file), fitted)
    for trusted in ("sklearn.tree._tree.Tree", b"x", True, 1):
        with pytest.raises(TypeError, match=f"trusted must be a list of the full names of types, got {trusted!r}"):
            load(file, trusted=trusted)
    for item in (1, None, np.ndarray, b"x"):
        with pytest.raises(TypeError, match=f"trusted must hold the full names .*, got {re.escape(repr(item))} in it"):
            load(file, trusted=["a.B", item])


@pytest.mark.parametrize("kind", [iter, set, tuple, frozenset, np.array, dict.fromkeys])
def test_trusted_types_may_be_named_in_anything(tiny_classifier, tmp_path, kind):
    file, (X, y) = tmp_path / "model.skops", make_texts(4)
    classifier = tiny_classifier.set_params(head=DecisionTreeClassifier(), max_steps=0).fit(X, y)
    with pytest.warns(UserWarning, match="wants trusted"):
        dump(classifier, file)
    np.testing.assert_array_equal(load(file, trusted=kind(["sklearn.tree._tree.Tree"])).predict(X), y)


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


NO_MODELS = {
    b"": "it is no archive, and load reads what dump wrote",
    b"no zip": "it is no archive, and load reads what dump wrote",
    b"PK\x03\x04 nearly a zip": "its end is missing. Copy or fetch it again",
    pickle.dumps([1]): "it is a pickle, and load reads what dump wrote. read_setfit reads",
}


@pytest.mark.parametrize("content", NO_MODELS)
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "x.skops").write_bytes(content)
    with pytest.raises(ValueError, match=f"is no sksetfit model, or is damaged: {NO_MODELS[content]}"):
        load(tmp_path / "x.skops")


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_model_is_refused(file, kept):
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged"):
        load(file)


def test_a_changed_weight_is_noticed(fitted, file):
    members = read_members(file)
    name = max(members, key=lambda name: len(members[name]) if name.endswith("npy") else 0)
    with ZipFile(file) as archive:
        sums = archive.read("sha256.json")
    changed = members[name][:-3] + b"\x01" + members[name][-2:]
    file.write_bytes(packed(members | {name: changed, "sha256.json": sums}, sealed=False))
    with pytest.raises(ValueError, match="it was changed after it was written: SHA-256 sums differ"):
        load(file)


def test_what_skops_alone_has_written_is_read(fitted, tmp_path):
    skops.io.dump(fitted, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").predict(X_NEW), fitted.predict(X_NEW))


def test_skops_alone_reads_what_was_written(fitted, file):
    again = skops.io.load(file, trusted=["sksetfit.SetFitClassifier", "sksetfit.SetFitEncoder"])
    np.testing.assert_array_equal(again.predict_proba(X_NEW), fitted.predict_proba(X_NEW))


def test_skops_which_copies_all_that_it_reads_gets_no_weights(fitted, file, monkeypatch):
    passed, load_all = [], skops.io.load
    monkeypatch.setattr(
        skops.io, "load", lambda stream, **options: passed.append(stream) or load_all(stream, **options)
    )
    np.testing.assert_array_equal(load(file).predict_proba(X_NEW), fitted.predict_proba(X_NEW))
    of_skops, of_file = (
        sum(len(content) for name, content in read_members(each).items() if name.endswith(".npy"))
        for each in (passed[0], file)
    )
    assert of_skops < 0.1 * of_file


@pytest.mark.filterwarnings("ignore:This model was saved by sksetfit")
def test_another_version_warns(fitted, file):
    forge(file, lambda schema: encoder(schema).update(_version=plain("0.0.1")))
    with pytest.warns(UserWarning, match=f"saved by sksetfit '0.0.1' and is read by sksetfit '{__version__}'"):
        again = load(file)
    np.testing.assert_array_equal(again.predict(X_NEW), fitted.predict(X_NEW))


def encoder(schema):
    return attributes(attributes(schema)["encoder_"])


def body(schema):
    return attributes(encoder(schema)["body"])


def head(schema):
    return attributes(schema)["head_"]


def swap(nodes, one, other):
    nodes[one], nodes[other] = nodes[other], nodes[one]


def as_function(module, name):
    return {"__class__": name, "__module__": module, "__loader__": "FunctionNode"}


def calls(module, name, *arguments):
    """Return a node that is made by calling something."""
    content = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
    content["content"] = [plain(argument) for argument in arguments]
    return {"__class__": name, "__module__": module, "__loader__": "ConstructorFromReduceNode", "content": content}


FORGED = {
    # types that are not what they seem
    "a type that ends in a trusted name": (lambda s: s.update(__module__="evil.sksetfit"), "not trusted"),
    "a type that starts with a trusted name": (lambda s: s.update(__class__="SetFitClassifierX"), "not trusted"),
    "a trusted name in other letters": (lambda s: s.update(__class__="setfitclassifier"), "not trusted"),
    "a trusted name that hides its module": (
        lambda s: s.update(__module__="os", __class__="path.sksetfit.SetFitClassifier"),
        "not trusted",
    ),
    "a function of the system": (lambda s: attributes(s).update(head_=as_function("os", "system")), "os.system"),
    "a call of a function": (lambda s: attributes(s).update(head_=calls("os", "system", "true")), "os.system"),
    "a type as data": (
        lambda s: attributes(s).update(
            head_={"__class__": "Popen", "__module__": "subprocess", "__loader__": "TypeNode"}
        ),
        "subprocess.Popen",
    ),
    "a loader that does not exist": (lambda s: head(s).update(__loader__="PickleNode"), "PickleNode"),
    "a file that is not there": (lambda s: attributes(s)["classes_"].update(file="../x.npy"), "x.npy"),
    "a newer protocol": (lambda s: s.update(protocol=99), "protocol"),
    "a protocol that is no number": (lambda s: s.update(protocol="2"), "protocol"),
    "no protocol": (lambda s: s.pop("protocol"), "protocol"),
    # what is no fitted estimator
    "text": (lambda s: s.update(plain("a model")), "holds no estimator, but a str"),
    "an unfitted classifier": (lambda s: s.update(calls("sksetfit", "SetFitClassifier")), "to be read as Constructor"),
    "a classifier without a state": (lambda s: s.pop("content"), "damaged"),
    "a state that is a list": (
        lambda s: s.update(content={"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}),
        "damaged",
    ),
    "a state that is text": (lambda s: s.update(content=plain("x")), "no dict of its attributes"),
    "a classifier's state in an encoder": (
        lambda s: s.update(__class__="SetFitEncoder"),
        "must be of type dict, got nothing",
    ),
    "an encoder's state in a classifier": (
        lambda s: attributes(s)["encoder_"].update(__class__="SetFitClassifier"),
        "must be of type ndarray, got nothing",
    ),
    # attributes
    "no classes": (lambda s: attributes(s).pop("classes_"), "damaged"),
    "no head": (lambda s: attributes(s).update(head_=plain(None)), "head_ must be a fitted classifier"),
    "swapped attributes": (
        lambda s: swap(attributes(s), "encoder_", "head_"),
        "encoder_ must be of type SetFitEncoder",
    ),
    "a curve as classes": (lambda s: swap(attributes(s), "classes_", "loss_curve_"), "are not those of its head_"),
    "a text as number of steps": (
        lambda s: attributes(s).update(n_steps_=plain("9")),
        "must be of type Integral",
    ),
    "an attribute that hides a method": (lambda s: add(s, "predict", plain("x")), "hide its methods"),
    "an attribute of Python's own": (
        lambda s: add(attributes(s)["encoder_"], "__class__", plain("x")),
        "hide its methods",
    ),
    "a version that is no text": (lambda s: encoder(s).update(_version=plain(1)), "which version"),
    "an endless version": (lambda s: encoder(s).update(_version=plain("1" * 10**6)), "which version"),
    # the head
    "a head that is no classifier": (
        lambda s: head(s).update(__class__="KBinsDiscretizer", __module__="sklearn.preprocessing._discretization"),
        "got KBinsDiscretizer",
    ),
    "a head that is a transformer": (
        lambda s: head(s).update(__class__="StandardScaler", __module__="sklearn.preprocessing._data"),
        "got StandardScaler",
    ),
    "a head without coefficients": (lambda s: attributes(head(s)).pop("coef_"), "head_"),
    "a head of another length": (lambda s: swap(attributes(head(s)), "coef_", "intercept_"), "head_"),
    "a head of other classes": (
        lambda s: attributes(head(s)).update(classes_=attributes(s)["loss_curve_"]),
        "is missing or does not fit",
    ),
    # the body
    "a body of another format": (lambda s: body(s).update(format=plain(99)), "format 99"),
    "swapped parts of the body": (lambda s: swap(body(s), "tokenizer", "prompt"), "saved body"),
    "swapped weights": (
        lambda s: swap(attributes(body(s)["weights"]), "transformer.embeddings.LayerNorm.weight", POSITIONS),
        "shape",
    ),
    "a body that is text": (lambda s: encoder(s).update(body=plain("x")), "body must be of type dict"),
    "quantised weights": (lambda s: add(body(s)["transformer"], "quantization_config", plain("x")), "keys"),
    "a foreign kernel": (
        lambda s: add(body(s)["transformer"], "_attn_implementation", plain("a/b")),
        "keys",
    ),
}
POSITIONS = "transformer.embeddings.position_embeddings.weight"


@pytest.fixture
def deeds():
    """What is run, fetched or written by this process while a test asks for it."""
    done, watching = [], True
    others = ("os.system", "os.exec", "os.posix_spawn", "subprocess", "socket.", "os.mkdir", "os.rename", "os.remove")

    def watch(event, arguments):
        writes = event == "open" and any(letter in str(arguments[1]) for letter in "wax+")
        if watching and (writes or event.startswith(others)):
            done.append((event, arguments))

    sys.addaudithook(watch)  # which stays, as Python has it, until the process ends
    yield done
    watching = False


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_file_is_refused_and_nothing_is_run_written_or_fetched(file, case, deeds):
    change, message = FORGED[case]
    forge(file, change)
    del deeds[:]
    with pytest.raises(ValueError, match=re.escape(str(file))) as caught:
        load(file)
    assert message in str(caught.value)
    assert deeds == []


def test_an_array_that_is_a_pickle_is_refused(file):
    members = read_members(file)
    stream = io.BytesIO()
    np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    name = next(name for name in members if name.endswith(".npy"))
    file.write_bytes(packed(members | {name: stream.getvalue()}))
    with pytest.raises(ValueError, match=r"of object in shape .* is not what the file holds"):
        load(file)


def test_an_array_that_claims_more_than_there_is_is_refused(file):
    members = read_members(file)
    name = next(name for name in members if name.endswith(".npy"))
    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    header += b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
    file.write_bytes(packed(members | {name: header}))
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged"):
        load(file)


def test_a_damaged_body_is_refused_with_the_name_of_the_file(fitted, file):
    changed = copy.deepcopy(fitted)
    body_of(changed.encoder_).pad_token_id = 10**9
    dump(changed, file)
    with pytest.raises(ValueError, match="is no sksetfit model, or is damaged: The saved body"):
        load(file)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^There is no file '.*x\.skops'\. For a model on the"):
        load(tmp_path / "x.skops")


def test_a_folder_is_told_with_what_reads_folders(tmp_path):
    with pytest.raises(IsADirectoryError, match="load reads a file; read_setfit reads a folder"):
        load(tmp_path)


def test_a_file_of_this_machine_has_no_revision(file):
    with pytest.raises(ValueError, match="is a file of this machine, which has no revision"):
        load(file, revision="main")


def test_a_file_keeps_its_permissions_when_it_is_written_again(fitted, file):
    file.chmod(0o600)
    dump(fitted, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("compression", [True, "zip", 12, None])
def test_a_compression_that_is_not_offered_is_refused(fitted, tmp_path, compression):
    with pytest.raises(ValueError, match="compression must be zipfile"):
        dump(fitted, tmp_path / "model.skops", compression=compression)
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_read_again_is_not_written(tiny_encoder, tmp_path):
    columns = ColumnTransformer([("text", tiny_encoder, 0), ("files", CountVectorizer(input="filename"), 0)])
    (tmp_path / "a").write_text("some words")
    columns.fit(np.array([[str(tmp_path / "a")], [str(tmp_path / "a")]], dtype=object), ["x", "y"])
    with pytest.raises(ValueError, match="a CountVectorizer would read files, as its input='filename' says"):
        dump(columns, tmp_path / "model.skops")
    assert not (tmp_path / "model.skops").exists()


def test_what_load_would_refuse_is_not_written(tiny_classifier, tmp_path):
    classifier = tiny_classifier.set_params(max_steps=0).fit(*make_texts(2))
    classifier.head_.phase_ = np.array([1 + 1j])
    with pytest.raises(ValueError, match=r"cannot be written so that load reads it: its array .* of complex128"):
        dump(classifier, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_what_holds_itself_is_refused(tiny_classifier, tmp_path):
    classifier = tiny_classifier.set_params(max_steps=0).fit(*make_texts(2))
    classifier.head_.again = classifier.head_
    with pytest.raises(ValueError, match="skops cannot write an estimator that holds itself"):
        dump(classifier, tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_a_warning_that_the_caller_wants_as_an_error_stays_that_warning(file):
    forge(file, lambda schema: encoder(schema).update(_version=plain("0.0.1")))
    with pytest.raises(UserWarning, match="was saved by sksetfit"):
        load(file)


def test_package_that_is_not_installed_raises(file):
    forge(file, lambda schema: attributes(schema)["head_"].update(__module__="no_such_package", __class__="Head"))
    with pytest.raises(ValueError, match="needs the module 'no_such_package', which is not installed here"):
        load(file, trusted=["no_such_package.Head"])


def test_other_types_than_scikit_learns_are_refused_unless_named(tiny_model, tmp_path):
    classifier = SetFitClassifier(tiny_model, label_texts=None, max_steps=0).fit(["good", "bad"], ["yes", "no"])
    classifier.label_texts = {"yes": Path("/")}
    skops.io.dump(classifier, tmp_path / "odd.skops")
    unknown = {name for name in skops.io.get_untrusted_types(file=tmp_path / "odd.skops") if "Path" in name}
    assert unknown
    with pytest.raises(ValueError, match="types that are not trusted") as caught:
        load(tmp_path / "odd.skops")
    assert all(name in str(caught.value) for name in unknown)
    assert load(tmp_path / "odd.skops", trusted=sorted(unknown)).predict(["good"]) == ["yes"]


def test_a_model_given_as_a_path_is_kept_as_a_string(tiny_model, tmp_path):
    classifier = SetFitClassifier(Path(tiny_model), max_steps=1, random_state=0).fit(*make_texts(2))
    dump(classifier, tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").model == tiny_model


def test_a_link_keeps_pointing_to_the_file(fitted, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "model.skops")
    dump(fitted, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "model.skops").exists()


def test_a_file_brings_no_folder_to_read_pickles_from(tiny_encoder, tmp_path):
    steps = [("encoder", tiny_encoder), ("head", LogisticRegression())]
    pipeline = Pipeline(steps, memory=str(tmp_path / "pickles")).fit(*make_texts(4))
    dump(pipeline, tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").memory is None
    assert pipeline.memory == str(tmp_path / "pickles")


def test_an_estimator_in_several_places_is_written_once(fitted, file, tmp_path):
    reject = RejectClassifier(fitted, coverage=0.8, cv="prefit").fit(*make_texts(8, seed=3))
    both = Pipeline([("frozen", FrozenEstimator(reject))])
    dump(both, tmp_path / "both.skops")
    once, twice = (
        sum(len(content) for name, content in read_members(each).items() if name.endswith(".npy"))
        for each in (file, tmp_path / "both.skops")
    )
    assert twice < 1.02 * once
    np.testing.assert_array_equal(load(tmp_path / "both.skops").predict(X_NEW), both.predict(X_NEW))


def test_load_bounds_the_number_of_processes_by_the_cores(tiny_encoder, tmp_path):
    bag = BaggingClassifier(LogisticRegression(), n_estimators=2)
    X, y = make_texts(4)
    pipeline = make_pipeline(tiny_encoder.set_params(max_steps=1), bag).fit(X, y)
    for n_jobs, kept in ((1, 1), (-1, -1), (10**6, None)):
        pipeline.set_params(baggingclassifier__n_jobs=n_jobs)
        dump(pipeline, tmp_path / "model.skops")
        assert load(tmp_path / "model.skops")[-1].n_jobs == kept
