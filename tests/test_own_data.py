"""What the examples read."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "own_data.py"


@pytest.fixture(scope="module")
def own_data():
    spec = importlib.util.spec_from_file_location("own_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        (["--text", "word", "--label", "topic"], "--text: there is no column 'word', but 'words', 'topic', 'more'"),
        (["--text", "words", "--label", "theme"], "--label: there is no column 'theme'"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(own_data, file, arguments, message):
    with pytest.raises(SystemExit, match=message):
        own_data.read_texts(options_of(own_data, "--data", file, *arguments))


def test_a_file_that_is_not_there_is_named(own_data):
    with pytest.raises(SystemExit, match=r"--data: there is no file nowhere\.csv"):
        own_data.read_texts(options_of(own_data, "--data", "nowhere.csv"))
