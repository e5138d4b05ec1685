import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

for package in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
    pytest.importorskip(package, reason="the extra onnx is not installed")

from bad_inputs import BAD_TEXTS, named
from onnx_cases import INDICATOR, X_NEW, learner, write_static_model
from sksetfit import write_onnx
from sksetfit.body.loading.load import load_body
from sksetfit.exchange.onnx import predict
from sksetfit.exchange.onnx.predict import Classifier, windows_of
from sksetfit.inputs.texts import check_texts

WORDS = ["bread", "violin", "tennis", "goal", "a", "zz"]


@pytest.fixture(scope="module")
def learn(tiny_model, tmp_path_factory):
    """Return a function that fits a classifier on a table of tokens."""
    return learner(write_static_model(tiny_model, tmp_path_factory.mktemp("static")))


@pytest.fixture(scope="module")
def clf(learn):
    """A fitted classifier of one label."""
    return learn()


@pytest.fixture(scope="module")
def folder(clf, tmp_path_factory):
    """The folder of that classifier, which no test may change."""
    place = tmp_path_factory.mktemp("one") / "model"
    write_onnx(clf, place)
    return place


@pytest.fixture(scope="module")
def several(learn, tmp_path_factory):
    """The folder of a classifier of several labels, which no test may change."""
    place = tmp_path_factory.mktemp("several") / "model"
    write_onnx(learn(pd.DataFrame(INDICATOR, columns=["tasty", "quiet", "round"])), place)
    return place


def run(folder, *arguments, **options):
    done = subprocess.run(
        [sys.executable, "-I", folder / "predict.py", *arguments], capture_output=True, text=True, **options
    )
    return done.stdout, done.stderr, done.returncode


# -- texts


def error_of(function, *args):
    with pytest.raises((TypeError, ValueError)) as raised:
        function(*args)
    return type(raised.value), str(raised.value)


@pytest.mark.parametrize("case", named(BAD_TEXTS))
def test_bad_texts_raise_the_type_of_error_of_the_estimator(case):
    assert error_of(predict.check_texts, case[0])[0] is error_of(check_texts, case[0])[0]


@pytest.mark.parametrize(
    "X",
    [None, "abcd", b"abcd", [], ["a", None], ["a", float("nan"), None], ["a", b"b"], ["a", 1], [["a"]], ["a\ud800"]],
)
def test_common_errors_have_the_message_of_the_estimator(folder, clf, X):
    assert error_of(Classifier(folder).predict, X) == error_of(clf.predict, X)


CONTAINERS = [tuple, np.array, pd.Series, pl.Series, pa.array, lambda X: np.array(X, dtype=object)]
COLUMNS = [lambda X: pd.DataFrame({"text": X}), lambda X: pl.DataFrame({"text": X}), lambda X: np.array(X)[:, None]]


@pytest.mark.parametrize("container", [*CONTAINERS, *COLUMNS])
def test_texts_may_be_in_any_container(container):
    assert predict.check_texts(container(X_NEW)) == X_NEW


def test_a_text_at_which_the_tokenizer_fails_is_named(folder):
    class Failing:
        def encode_batch(self, texts, **_):
            if "bad" in texts:
                raise Exception("no such text")  # as tokenizers raises it
            return tokenizer.encode_batch(texts, add_special_tokens=False)

    classifier = Classifier(folder)
    tokenizer, classifier._tokenizer = classifier._tokenizer, Failing()
    with pytest.raises(ValueError, match=r"tokenizer fails at the text 'bad' at row 2\. Leave the text out"):
        classifier.predict(["bread", "goal", "bad"])


def test_a_token_that_the_model_does_not_know_raises(folder):
    classifier = Classifier(folder)
    classifier.config["n_tokens"] = 10
    with pytest.raises(ValueError, match=r"do not fit together: a text holds token .* and the transformer knows 10"):
        classifier.predict(["bread"])


@pytest.mark.parametrize("prompt", ["", "query: "])
@pytest.mark.parametrize("direction", ["right", "left"])
@pytest.mark.parametrize("long_texts", ["windows", "truncate"])
def test_windows_are_those_of_the_body(tiny_model, prompt, direction, long_texts):
    body = load_body(tiny_model, max_seq_length=12, prompt=prompt, device="cpu")
    body.tokenizer.enable_truncation(12, direction=direction)
    body.direction, body.long_texts = direction, long_texts
    config = {"prompt": prompt, "max_seq_length": 12, "long_texts": long_texts, "direction": direction}
    rng = np.random.RandomState(0)
    texts = ["", *(" ".join(rng.choice(WORDS, size=n)) for n in (1, 5, 11, 12, 13, 30, 100, 1300))]
    tokenizer = Tokenizer.from_str(body.tokenizer.to_str())
    found = [windows_of(encoding, config)[0] for encoding in tokenizer.encode_batch([prompt + text for text in texts])]
    expected = body.tokenize(texts)
    assert [len(of_text) for of_text in found] == [len(rows) for rows in expected.rows]
    assert [ids for of_text in found for ids in of_text] == [ids.tolist() for ids in expected.tokens]


@pytest.mark.parametrize("padded", [True, False])
def test_batches_hold_each_text_once(padded):
    lengths = np.random.RandomState(0).randint(0, 700, size=200)
    parts = list(predict.batches(lengths, padded=padded))
    assert sorted(np.concatenate(parts).tolist()) == list(range(200))
    sizes = [len(part) * lengths[part].max() for part in parts if len(part) > 1]
    assert max(sizes) <= predict.BATCH_TOKENS
    assert padded or all(len(set(lengths[part])) == 1 for part in parts)


# -- alone


def test_the_module_imports_three_packages_only():
    tree = ast.parse(Path(predict.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    libraries = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert libraries == {"numpy", "onnxruntime", "tokenizers"}


LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from predict import Classifier
print(Classifier(sys.argv[1]).predict(["bread and cheese"])[0])
print(sorted({"torch", "transformers", "sklearn", "sksetfit", "scipy", "pandas"} & sys.modules.keys()))
"""


def test_the_folder_predicts_where_it_was_moved_to_without_the_package(folder, clf, tmp_path):
    shutil.copytree(folder, tmp_path / "moved")
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOOK, tmp_path / "moved"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == (f"{clf.predict(['bread and cheese'])[0]}\n[]\n", "")


def test_a_folder_of_another_format_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "later")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {"format": 2}
    (tmp_path / "later" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="has format 2, and this module reads 1"):
        Classifier(tmp_path / "later")


# -- the command


def test_the_command_prints_label_and_probability(folder, clf):
    out, error, code = run(folder, "bread and cheese", "tennis")
    expected = clf.predict_proba(["bread and cheese", "tennis"]).max(axis=1)
    labels = clf.predict(["bread and cheese", "tennis"])
    assert (error, code) == ("", 0)
    assert out.splitlines() == [f"{label}\t{p:.4f}" for label, p in zip(labels, expected, strict=True)]


def test_the_command_prints_json_for_each_line_of_its_input(folder, clf):
    out, error, code = run(folder, "--json", input="bread and cheese\ntennis\n")
    assert (error, code) == ("", 0)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["text"] for line in lines] == ["bread and cheese", "tennis"]
    assert [line["label"] for line in lines] == clf.predict(["bread and cheese", "tennis"]).tolist()
    for line in lines:
        assert list(line["probabilities"]) == clf.classes_.tolist()
        assert line["probability"] == max(line["probabilities"].values())


def test_the_command_prints_several_labels(several):
    answer = dict(zip(["tasty", "quiet", "round"], Classifier(several).predict(["bread"])[0], strict=True))
    found = [label for label, has_label in answer.items() if has_label]
    out, _, _ = run(several, "--json", "bread")
    assert json.loads(out)["labels"] == found
    out, _, _ = run(several, "bread")
    assert [part.split("\t")[0] for part in out.strip().split(", ") if part] == found


def test_the_command_says_what_is_wrong_in_one_line(folder):
    out, error, code = run(folder, input="")
    assert (out, code) == ("", 1)
    assert error == (
        "predict.py: X is empty: at least one text is needed (got 0 samples; a minimum of 1 is required).\n"
    )
