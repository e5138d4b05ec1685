"""The example that labels a large file in chunks: the same answers from both engines, whole or not at all."""

import importlib
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import make_texts
from sksetfit import RejectClassifier, dump

pytest.importorskip("pyarrow")
FOLDER = Path(__file__).parents[2] / "examples"
LEAST = 0.9  # at which the tiny model is sure of some
EMPTY = [3, 4, 17]  # rows without a text


@pytest.fixture(scope="module")
def example():
    """The script as a module, which worker processes find under its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("batch_scoring")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """50 rows, of which three have no text, one has line breaks, and columns look like numbers now and then."""
    texts = make_texts(17, seed=1)[0][:50]
    texts[7] = 'bread,\n"cheese"\n\nsoup'
    texts[8] = "NA"
    for row, nothing in zip(EMPTY, ["", "  ", "\n"], strict=True):
        texts[row] = nothing
    path = tmp_path_factory.mktemp("batch") / "archive.csv"
    numbers = [f"{row:03}" if row < 25 else f"no. {row}" for row in range(50)]
    pd.DataFrame({"number": numbers, "words": texts, "more": "1.50"}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def trained(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "model.skops"
    dump(fitted, path)
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "labelled.csv"


@pytest.fixture
def arguments(file, trained, output):
    options = {"--data": file, "--text": "words", "--trained": trained, "--output": output}
    options |= {"--chunk": 20, "--min-confidence": LEAST}
    return [str(part) for option in options.items() for part in option]


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype="str", keep_default_na=False)


def test_answers_are_those_of_the_classifier_and_missing_texts_have_none(
    example, arguments, file, output, fitted, capsys
):
    example.main(arguments)
    found, given = read(output), read(file)
    pd.testing.assert_frame_equal(found[given.columns], given)
    there = ~found.index.isin(EMPTY)
    confidence = fitted.predict_proba(given["words"][there]).max(axis=1)
    sure = confidence >= LEAST
    assert 0 < sure.sum() < len(sure)
    labels = fitted.predict(given["words"][there])
    assert found["likeliest_label"][there].tolist() == labels.tolist()
    assert found["predicted_label"][there].tolist() == np.where(sure, labels, "").tolist()
    assert found["not_sure"][there].tolist() == np.where(sure, "False", "True").tolist()
    np.testing.assert_allclose(found["probability"][there].astype(float), confidence, atol=1e-4)
    assert (found.loc[EMPTY, list(example.ANSWER)] == "").all(axis=None)
    printed = capsys.readouterr().out
    assert f"50 rows, {(~sure).sum()} of them not sure, 3 without a text" in printed
    assert "per second" in printed


@pytest.fixture
def in_this_process(monkeypatch):
    """Workers that are threads, which start at once; processes are left to the slow tests."""
    distributed = pytest.importorskip("dask.distributed")
    monkeypatch.setattr(distributed, "LocalCluster", partial(distributed.LocalCluster, processes=False))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_both_engines_write_the_same(example, arguments, tmp_path, ending, in_this_process):
    here, there = tmp_path / f"here{ending}", tmp_path / f"there{ending}"
    example.main([*arguments, "--output", str(here)])
    example.main([*arguments, "--output", str(there), "--engine", "dask", "--workers", "2"])
    one, other = read(here), read(there)
    assert len(one) == 50
    if ending == ".csv":
        one, other = (rows.assign(probability=pd.to_numeric(rows["probability"])) for rows in (one, other))
    pd.testing.assert_frame_equal(one, other, atol=2e-4, rtol=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [here.name, there.name]


def test_the_threshold_of_a_reject_classifier_is_taken(example, arguments, output, fitted, tmp_path):
    rejecting = RejectClassifier(fitted, coverage=0.5, cv="prefit").fit(*make_texts(10, seed=2))
    dump(rejecting, tmp_path / "sure.skops")
    example.main([*arguments[:-2], "--trained", str(tmp_path / "sure.skops")])
    found = read(output)
    answered = found[~found.index.isin(EMPTY)]
    labels = rejecting.predict(answered["words"])
    assert 0 < (labels == "not sure").sum() < len(labels)
    assert answered["predicted_label"].tolist() == np.where(labels == "not sure", "", labels).tolist()


class BrokenError(Exception):
    pass


@pytest.fixture
def interrupted(example, arguments, output, monkeypatch):
    """A run that broke in its second chunk of three."""
    answers, calls = example.answers, []

    def breaking(texts, *rest):
        calls.append(len(texts))
        if len(calls) == 2:
            raise BrokenError
        return answers(texts, *rest)

    monkeypatch.setattr(example, "answers", breaking)
    with pytest.raises(BrokenError):
        example.main(arguments)
    return calls


def test_nothing_is_half_written_and_the_same_command_goes_on(example, arguments, output, interrupted, tmp_path):
    assert not output.exists()
    example.main(arguments)
    assert interrupted == [20, 20, 20, 10]
    whole = tmp_path / "whole.csv"
    example.main([*arguments, "--output", str(whole)])
    assert output.read_bytes() == whole.read_bytes()


def test_chunks_of_another_run_are_not_mixed_in(example, arguments, interrupted, output):
    for option in (["--chunk", "10"], ["--min-confidence", "0.2"], ["--text", "more"]):
        with pytest.raises(SystemExit, match="holds chunks of another file, model or option"):
            example.main([*arguments, *option])
    assert not output.exists()


def test_a_run_that_ended_before_it_told_what_it_is_counts_as_none(example, arguments, output):
    folder = output.with_name("labelled.csv.parts")
    folder.mkdir()
    (folder / "about.json.1.partial").write_text("[")
    example.main(arguments)
    assert len(read(output)) == 50
    assert not folder.exists()


def test_chunks_of_which_nothing_is_told_are_not_mixed_in(example, arguments, interrupted, output):
    (output.with_name("labelled.csv.parts") / "about.json").unlink()
    with pytest.raises(SystemExit, match="holds chunks of another"):
        example.main(arguments)


def test_a_file_with_the_same_texts_is_the_same_file(example, arguments, file, interrupted, output, tmp_path):
    again = shutil.copyfile(file, tmp_path / "again.csv")
    example.main([*arguments, "--data", str(again)])
    assert interrupted == [20, 20, 20, 10]
    assert len(read(output)) == 50


def test_a_run_that_another_has_finished_says_so(example, arguments, output, monkeypatch):
    answers = example.answers

    def while_another_ends(*arguments):
        shutil.rmtree(output.with_name("labelled.csv.parts"))
        return answers(*arguments)

    monkeypatch.setattr(example, "answers", while_another_ends)
    with pytest.raises(SystemExit, match="another run of this command has finished"):
        example.main(arguments)


def test_an_output_that_is_there_is_not_overwritten(example, arguments, output):
    output.write_text("mine")
    with pytest.raises(SystemExit, match="is there already"):
        example.main(arguments)
    assert output.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "word"], "no column 'word', but 'number', 'words', 'more'"),
        (["--data", "nowhere.csv"], "no file nowhere.csv"),
        (["--trained", "nowhere.skops"], "no file nowhere.skops"),
        (["--min-confidence", "90"], "between 0 and 1, got 90"),
        (["--chunk", "0"], "must be 1 or more, got 0"),
        (["--output", "labelled.csv.gz"], "must end in .csv or .parquet"),
        (["--output", "nowhere/labelled.csv"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_labelled_is_named_before_anything_is_written(example, arguments, options, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        example.main([*arguments, *options])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"words,more\nbread,1,2\nsoup,1,2\n", "cannot be read as a table: Length of header or names does not match"),
        (b"words,more\nbread,1\nsoup,1,2\n", "cannot be read as a table"),
        (b"words,more,\nbread,1,\n", "a column '' that has no name"),
        (b"words,more,more\nbread,1,2\n", "a column 'more' that has no name, or that of another"),
        (b"words\nbread\n\xe9clair\n", "not written in UTF-8"),
        (b"", "cannot be read as a table"),
    ],
)
def test_a_file_that_is_no_table_is_refused_before_anything_is_written(
    example, arguments, content, message, output, tmp_path
):
    (tmp_path / "own.csv").write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        example.main([*arguments, "--data", str(tmp_path / "own.csv")])
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_every_line_of_one_column_is_a_row_and_line_ends_in_texts_are_kept(example, arguments, output, tmp_path):
    rows = ["bread", "", 'soup\rand "wine"', "", "milk\r\n=1+1", "tea\nand"]
    (tmp_path / "own.csv").write_bytes(b'words\nbread\n\n"soup\rand ""wine"""\n\n"milk\r\n=1+1"\n"tea\nand"\n')
    example.main([*arguments, "--data", str(tmp_path / "own.csv")])
    assert read(output)["words"].tolist() == rows


def test_a_compressed_file_is_read(example, arguments, file, output, tmp_path):
    pd.read_csv(file, dtype="str", keep_default_na=False).to_csv(tmp_path / "own.csv.gz", index=False)
    example.main([*arguments, "--data", str(tmp_path / "own.csv.gz")])
    assert len(read(output)) == 50


def test_a_column_that_would_be_written_over_is_named(example, arguments, tmp_path):
    (tmp_path / "own.csv").write_text("words,not_sure\nbread,1\n")
    with pytest.raises(SystemExit, match="has a column 'not_sure' already"):
        example.main([*arguments, "--data", str(tmp_path / "own.csv")])


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize("rows", ["", '" "\n" "\n'])
def test_a_file_without_a_text_is_labelled_as_nothing(
    example, arguments, output, tmp_path, rows, engine, in_this_process
):
    (tmp_path / "own.csv").write_text(f"words\n{rows}")
    example.main([*arguments, "--data", str(tmp_path / "own.csv"), "--engine", engine])
    found = read(output)
    assert list(found) == ["words", *example.ANSWER]
    assert len(found) == rows.count("\n")


def test_without_a_classifier_one_is_trained_and_kept(example, tiny_model, tmp_path, output):
    texts, labels = make_texts(10)
    pd.DataFrame({"words": texts, "topic": [len(label) for label in labels]}).to_csv(tmp_path / "own.csv", index=False)
    options = ["--data", str(tmp_path / "own.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]
    example.main([*options, "--output", str(output)])
    assert set(read(output)["predicted_label"]) <= {"4", "5"}
    assert output.with_suffix(".skops").exists()
    output.unlink()
    with pytest.raises(SystemExit, match="use it by --trained"):
        example.main([*options, "--output", str(output)])


@pytest.mark.slow
def test_the_command_spreads_texts_over_processes(example, arguments, output, tmp_path):
    command = [sys.executable, FOLDER / "batch_scoring.py", *arguments, "--engine", "dask"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "50 rows" in run.stdout
    assert "Warning" not in run.stderr
    here = tmp_path / "here.csv"
    example.main([*arguments, "--output", str(here)])
    one, other = (rows.assign(probability=pd.to_numeric(rows["probability"])) for rows in map(read, (here, output)))
    pd.testing.assert_frame_equal(one, other, atol=2e-4, rtol=0)
