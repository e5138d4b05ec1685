"""A person labels texts in the terminal; here the person is a list of lines, and once a real terminal."""

import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import load_example, make_texts
from sksetfit import load

pytest.importorskip("skactiveml", reason="the extra examples is not installed")

SCRIPT = Path(__file__).parents[2] / "examples" / "ask_in_terminal.py"
LABELS = ["--labels", "food", "music", "sport"]


@pytest.fixture(scope="module")
def example():
    return load_example("ask_in_terminal.py")


@pytest.fixture
def topic_of(tmp_path):
    """The topics of fifteen texts, which stand in a file without them."""
    texts, topics = make_texts(5)
    texts, topics = ['\x1b[31mbread,\n"soup" ' + texts[0], *texts[1:]], topics
    pd.DataFrame({"words": texts}).to_csv(tmp_path / "texts.csv", index=False)
    return dict(zip(texts, topics, strict=True))


@pytest.fixture
def session(example, topic_of, tiny_model, tmp_path, monkeypatch):
    """Call with lines that are typed; return the answers in the file."""
    monkeypatch.chdir(tmp_path)

    def run(lines, *options):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        example.main(["--data", "texts.csv", "--text", "words", "--model", tiny_model, "--per-round", "5", *options])
        return answers(tmp_path)

    return run


def answers(folder):
    file = folder / "answers.csv"
    return pd.read_csv(file, dtype=str, keep_default_na=False) if file.exists() else None


def test_every_text_is_asked_for_once_and_a_model_is_saved(session, example, topic_of, monkeypatch, tmp_path, capsys):
    asked = []

    def answer(prompt=""):
        print(prompt, end="")
        assert len(asked) == (0 if answers(tmp_path) is None else len(answers(tmp_path)))  # each is kept at once
        left = [text for text in topic_of if text not in (asked if not asked else answers(tmp_path)["text"].tolist())]
        shown = " ".join(capsys.readouterr().out.split())
        text = next(text for text in left if " ".join(example_printable(text).split()) in shown)
        asked.append(text)
        return topic_of[text]

    monkeypatch.setattr("builtins.input", answer)
    found = session([], *LABELS)
    assert sorted(asked) == sorted(topic_of)
    assert found["text"].tolist() == asked
    assert found["label"].tolist() == [topic_of[text] for text in asked]
    assert load(tmp_path / "model.skops").score(list(topic_of), list(topic_of.values())) > 0.5


def example_printable(text):
    return "".join(letter if letter.isprintable() else " " for letter in text)


def test_a_choice_is_answered_by_its_number_or_name_in_any_case(session, capsys):
    found = session(["1", "MUSIC", "q"], *LABELS)
    assert found["label"][1] == "music"
    assert f"    1  {found['label'][0]} " in capsys.readouterr().out


def test_a_new_label_must_be_confirmed(session, capsys):
    found = session(["musik", "n", "travel", "y", "travel", "q"], *LABELS)
    assert found["label"].tolist() == ["travel", "travel"]
    printed = capsys.readouterr().out
    assert "'musik' is no label yet, but 'music' is one." in printed
    assert "'travel' is no label yet. Shall" in printed


def test_a_skipped_text_is_not_asked_for_again_until_the_next_start(session, topic_of, capsys):
    assert session(15 * ["s"], *LABELS) is None
    assert "choosing" in capsys.readouterr().out
    found = session(15 * ["food"], *LABELS)
    assert set(found["text"]) == set(topic_of)


def test_an_answer_is_undone_across_a_fit_and_the_text_asked_for_again(session, capsys):
    found = session([*5 * ["food"], "u", "u", "sport", "music", "q"], *LABELS)
    assert found["label"].tolist() == [*3 * ["food"], "sport", "music"]
    assert found["text"].is_unique
    found = session(["u", "food", "q"], *LABELS)
    assert len(found) == 6
    assert "Nothing was answered since the start" in capsys.readouterr().out


def test_a_skip_is_undone_too(session):
    found = session(["s", "u", "food", "q"], *LABELS)
    assert len(found) == 1


def test_it_goes_on_where_it_stopped_also_at_the_end_of_the_input(session, topic_of, tmp_path, capsys):
    first = session(["food", "food", "music"], *LABELS)
    assert "3 of them labelled" not in capsys.readouterr().out
    both = session(["sport", "q"], *LABELS)
    assert both[:3].equals(first)
    assert both["text"].is_unique
    assert "3 of them labelled" in capsys.readouterr().out
    assert set(load(tmp_path / "model.skops").classes_) == {"food", "music", "sport"}


def test_first_texts_without_labels_are_random(session, tmp_path, capsys):
    found = session(["food", "y", "1", "music", "y", "2", "1", "q"])
    assert found["label"].tolist() == ["food", "food", "music", "music", "food"]
    assert "fitting on 5 texts" in capsys.readouterr().out
    assert (tmp_path / "model.skops").exists()


def test_without_two_labels_there_is_no_model(session, tmp_path, capsys):
    session(["food", "y", "q"])
    assert "nothing to fit" in capsys.readouterr().out
    assert not (tmp_path / "model.skops").exists()


def test_texts_with_a_label_in_the_file_are_not_asked_for(session, topic_of, tmp_path):
    table = pd.DataFrame({"words": list(topic_of), "mark": [1.0, 2.0, *13 * [None]]})
    table.to_csv(tmp_path / "texts.csv", index=False)
    found = session([*13 * ["2"]], "--label", "mark")
    assert len(found) == 13
    assert not set(found["text"]) & set(list(topic_of)[:2])
    assert set(load(tmp_path / "model.skops").classes_) == {"1", "2"}  # 2 is the label, since choices are a, b, c


def test_a_warm_start_goes_on_with_the_body(session, tmp_path):
    session(["food", "music", "sport", "food", "music", "sport", "q"], *LABELS, "--warm-start")
    clf = load(tmp_path / "model.skops")
    assert clf.warm_start
    assert 0 < clf.n_steps_ < 24


def test_a_file_of_something_else_is_not_written_to(session, tmp_path):
    (tmp_path / "answers.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit, match=r"--answers: answers.csv is no file of answers"):
        session(["food"], *LABELS)
    assert (tmp_path / "answers.csv").read_text() == "a,b\n1,2\n"


def test_nothing_of_a_text_steers_the_terminal(session, capsys):
    session(15 * ["s"], *LABELS)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert '[31mbread, "soup"' in " ".join(printed.split())


def test_nothing_of_a_label_steers_the_terminal(session, capsys):
    session(["?", "q"], "--labels", "\x1b[2Jfood", "music\u202e")
    printed = capsys.readouterr().out
    assert "[2Jfood" in printed
    assert not {"\x1b", "\u202e"} & set(printed)


@pytest.mark.parametrize("torn", ["text,label\r\nso", "text,label\r\nsoup,food"])
def test_a_line_that_was_cut_off_does_not_spoil_the_next(session, tmp_path, torn):
    (tmp_path / "answers.csv").write_text(torn, newline="")
    found = session(["music", "q"], *LABELS)
    assert len(found) == 2
    assert found["label"][1] == "music"


@pytest.mark.parametrize("torn", ['text,label\r\n"soup with, br', "\r\n"])
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(session, tmp_path, torn):
    (tmp_path / "answers.csv").write_text(torn, newline="")
    with pytest.raises(SystemExit, match=r"--answers: answers.csv cannot be read: .* delete that line"):
        session(["music"], *LABELS)


def test_an_empty_file_of_answers_is_begun(session, tmp_path):
    (tmp_path / "answers.csv").touch()
    assert session(["music", "q"], *LABELS)["label"].tolist() == ["music"]


def test_a_line_end_in_a_text_outlives_an_undo(example, tmp_path):
    file = tmp_path / "answers.csv"
    for text in ("soup\rand wine", "milk\r\nand\ntea", "bread"):
        example.add_answer(file, text, "food")
    example.drop_last_answer(file)
    assert example.read_answers(file)["text"].tolist() == ["soup\rand wine", "milk\r\nand\ntea"]


def test_a_model_is_left_as_it_is_where_nothing_was_answered(session, tmp_path, capsys):
    (tmp_path / "model.skops").write_bytes(b"mine")
    session(["s", "q"], *LABELS)
    assert (tmp_path / "model.skops").read_bytes() == b"mine"
    assert "Nothing was answered; model.skops is left as it is." in capsys.readouterr().out
    session(["food", "q"], *LABELS)
    assert (tmp_path / "model.skops").read_bytes() != b"mine"


def read_until(terminal, wanted, printed=""):
    while wanted not in printed:
        printed += os.read(terminal, 4096).decode()
    return printed


@pytest.mark.slow
def test_control_c_in_a_terminal_keeps_what_was_answered(topic_of, tiny_model, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, SCRIPT, "--data", "texts.csv", "--text", "words", "--model", tiny_model, *LABELS]
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    person = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **ends)
    try:
        read_until(ours, "\r\n> ")
        os.write(ours, b"music\n")
        read_until(ours, "\r\n> ")
        os.killpg(person.pid, signal.SIGINT)  # what the terminal makes of Control-C
        printed = read_until(ours, "the answers are in answers.csv")
        assert person.wait(timeout=60) == 0
    finally:
        person.kill()
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in printed
    assert answers(tmp_path)["label"].tolist() == ["music"]
    assert "music" in load(tmp_path / "model.skops").classes_


@pytest.mark.slow
@pytest.mark.real_weights
def test_the_tickets_are_asked_for_by_name(tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", SCRIPT, "--per-round", "4"],
        input="1\n1\n2\ns\n1\nq\n",
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert len(answers(tmp_path)) == 4
    assert len(load(tmp_path / "model.skops").classes_) == 10
