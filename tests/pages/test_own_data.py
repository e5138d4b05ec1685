"""What the examples read."""

import re
from pathlib import Path

import pandas as pd
import pytest

from conftest import load_example


@pytest.fixture(scope="module")
def own_data():
    return load_example("own_data.py")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "own.csv").write_text("words,topic,more\na,x,1\n,y,2\nc,,3\nd,y,4\n")
    return tmp_path / "own.csv"


def options_of(own_data, *arguments):
    return own_data.example_parser("An example.\n\nOf many lines.").parse_args(map(str, arguments))


def test_the_tickets_are_read_unless_a_file_is_given(own_data):
    texts, labels = own_data.read_texts(options_of(own_data))
    assert len(texts) == len(labels) == 478
    assert labels.nunique() == 10
    tags = own_data.read_table(options_of(own_data))["tags"]
    assert tags.str.split(";").map(len).max() == 4


def test_rows_without_text_or_label_are_left_out_and_counted(own_data, file, capsys):
    options = options_of(own_data, "--data", file, "--text", "words", "--label", "topic")
    table = own_data.read_table(options)
    assert table.to_dict("list") == {"words": ["a", "d"], "topic": ["x", "y"], "more": [1, 4]}
    assert table.index.tolist() == [0, 1]
    assert "2 of 4 rows" in capsys.readouterr().out


def test_rows_without_label_are_kept_where_none_is_needed(own_data, file, capsys):
    options = options_of(own_data, "--data", file, "--text", "words", "--label", "topic")
    assert own_data.read_table(options, label_needed=False)["words"].tolist() == ["a", "c", "d"]
    assert "1 of 4 rows have no text and are left out" in capsys.readouterr().out


def test_a_comma_at_the_end_of_rows_does_not_shift_the_columns(own_data, tmp_path):
    (tmp_path / "own.csv").write_text("id,text,category\n1,goal,sport,\n2,bread,food,\n")
    texts, labels = own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))
    assert (texts.tolist(), labels.tolist()) == (["goal", "bread"], ["sport", "food"])


@pytest.mark.parametrize("rows", ["1,goal, and out,sport\n", "1,goal,sport\n2,bread, and butter,food\n"])
def test_texts_with_commas_that_are_not_in_quotes_raise(own_data, tmp_path, rows):
    (tmp_path / "own.csv").write_text(f"id,text,category\n{rows}")
    with pytest.raises(SystemExit, match="texts that have commas be in quotes"):
        own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))


def test_a_table_is_written_whole_and_not_over_what_was_read(own_data, tmp_path):
    table = pd.DataFrame({"text": ["one\rline", "two\nlines", ""], "label": ["a", "b,c", "d"]})
    own_data.write_csv(table, tmp_path / "out.csv", "--output", None)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv", keep_default_na=False), table)
    with pytest.raises(SystemExit, match="is the file that was read"):
        own_data.write_csv(table, tmp_path / "out.csv", "--output", tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_nothing_in_a_text_steers_the_terminal(own_data):
    assert own_data.printable("\x1b[2Jred\x07\u202e") == " [2Jred  "


def test_a_label_may_be_called_none(own_data, tmp_path):
    (tmp_path / "own.csv").write_text("text,category\na,None\nb,NA\n")
    _, labels = own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))
    assert labels.tolist() == ["None", "NA"]


def test_numbers_stay_whole_numbers_where_a_label_is_missing(own_data, tmp_path):
    (tmp_path / "own.csv").write_text("text,category\na,1\nb,\nc,2\n")
    _, labels = own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))
    assert labels.dtype.kind == "i"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--text", "word", "--label", "topic"],
            r"--text: .*own\.csv has no column 'word', but 'words', 'topic', 'more'\.$",
        ),
        (["--text", "words", "--label", "theme"], r"--label: .*own\.csv has no column 'theme'"),
        (["--text", "words", "--label", "words"], "--label: 'words' is the column of the texts"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(own_data, file, arguments, message):
    with pytest.raises(SystemExit, match=message):
        own_data.read_texts(options_of(own_data, "--data", file, *arguments))


def test_a_column_that_the_tickets_lack_is_said_of_them(own_data):
    with pytest.raises(SystemExit, match="--label: the shipped tickets have no column 'topic', but 'text', 'category'"):
        own_data.read_texts(options_of(own_data, "--label", "topic"))


@pytest.mark.parametrize("row", ["no comma;x", "a comma, one;x", "some, commas, three, in all;x"])
def test_a_file_with_semicolons_is_told_how_to_be_converted(own_data, tmp_path, monkeypatch, row):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text(f"text;category\nb;y\n{row}\n")
    with pytest.raises(SystemExit, match="must be separated by commas") as ended:
        own_data.read_texts(options_of(own_data, "--data", "own.csv"))
    code = re.search(r'python -c "(.*)"$', str(ended.value))[1]
    exec(code, {})
    texts, labels = own_data.read_texts(options_of(own_data, "--data", "new.csv"))
    assert texts.tolist() == ["b", row[:-2]]
    assert labels.tolist() == ["y", "x"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_in_another_encoding_is_named_with_what_to_do(own_data, tmp_path, encoding):
    (tmp_path / "own.csv").write_text("text,category\nGrüße,x\n", encoding=encoding)
    with pytest.raises(SystemExit, match=r"--data: .*own\.csv is not in UTF-8\. .*\n +iconv -f"):
        own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))


def test_an_empty_file_is_named(own_data, tmp_path):
    (tmp_path / "own.csv").touch()
    with pytest.raises(SystemExit, match=r"--data: .*own\.csv cannot be read as a table: No columns"):
        own_data.read_texts(options_of(own_data, "--data", tmp_path / "own.csv"))


def test_an_example_that_loads_a_file_takes_no_model(own_data, capsys):
    with pytest.raises(SystemExit):
        own_data.example_parser("Loads a file.", model=False).parse_args(["--model", "x"])
    assert "unrecognized arguments: --model" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(own_data):
    with pytest.raises(SystemExit, match=r"--data: there is no file nowhere\.csv"):
        own_data.read_texts(options_of(own_data, "--data", "nowhere.csv"))


@pytest.mark.parametrize(
    ("sizes", "n_train", "n_test"),
    [
        ([50, 50, 50], 8, 45),
        ([20, 20, 3], 8, 13),
        ([12, 12], 8, 8),
        ([10, 10, 10, 10, 1], 6, 13),
        ([3, 3], 2, 2),
        ([2, 2, 100], 1, 32),
    ],
    ids=str,
)
def test_some_texts_are_left_to_test_on(own_data, sizes, n_train, n_test):
    y = pd.Series([str(label) for label, size in enumerate(sizes) for _ in range(size)])
    assert own_data.n_to_train(y, 8) == n_train
    assert own_data.n_to_test(y, n_train) == n_test


@pytest.mark.parametrize(("sizes", "least"), [([1, 30], 1), ([5, 5], 5), ([30], 1)], ids=str)
def test_too_few_texts_to_train_and_test_on_are_told_in_one_line(own_data, sizes, least):
    y = [str(label) for label, size in enumerate(sizes) for _ in range(size)]
    with pytest.raises(SystemExit, match=f"two classes or more with at least {least + 1} texts each.$"):
        own_data.n_to_train(y, 8, at_least=least)


def test_two_classes_must_be_left(own_data, tmp_path):
    (tmp_path / "own.csv").write_text("text,category\na,x\nb,x\nc,y\n")
    options = options_of(own_data, "--data", tmp_path / "own.csv")
    assert len(own_data.read_texts(options)[0]) == 3
    with pytest.raises(SystemExit, match="needs two classes or more with at least 2 texts each"):
        own_data.read_texts(options, at_least=2)
