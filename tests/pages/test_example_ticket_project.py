"""The ticket team's scripts, one after another, on other columns and the tiny model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from conftest import load_example, make_texts
from sksetfit import SetFitClassifier, dump, load

FOLDER = Path(__file__).parents[2] / "examples" / "ticket_project"
COLUMNS = ["--text", "words", "--label", "topic"]


def script(name):
    return load_example(f"ticket_project/{name}.py")


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())  # to which the scripts add a folder


@pytest.fixture(scope="module")
def table():
    """Texts of three topics, 30 of each, with a day each that is not the order of the rows."""
    texts, topics = make_texts(30)
    days = pd.date_range("2026-03-02", periods=90).strftime("%Y-%m-%d")
    ids = [f"{number:04d}" for number in range(90)]
    return pd.DataFrame({"id": ids, "words": texts, "topic": topics, "closed": days}).iloc[::-1]


@pytest.fixture
def file(table, tmp_path):
    table.to_csv(tmp_path / "own.csv", index=False)
    return tmp_path / "own.csv"


@pytest.fixture(scope="module")
def trained(table, tiny_model, tmp_path_factory):
    """What train.py has written: a model, and the tickets that were put aside."""
    folder = tmp_path_factory.mktemp("trained")
    table.to_csv(folder / "own.csv", index=False)
    drawn = ["--n-texts", "30", "--model", tiny_model, "--output", str(folder / "own.skops")]
    script("train").main(["--data", str(folder / "own.csv"), *COLUMNS, *drawn])
    return folder / "own.skops"


@pytest.fixture
def trained_well(table, tiny_model, tmp_path):
    """A model that is nearly always right, saved beside tickets that it was not trained on."""
    clf = SetFitClassifier(tiny_model, max_steps=30, learning_rate=3e-3, random_state=0)
    clf.fit(table["words"][:30], table["topic"][:30])
    dump(clf, tmp_path / "own.skops")
    table[30:].to_csv(tmp_path / "own.test.csv", index=False)
    return tmp_path / "own.skops"


def test_the_tickets_that_are_put_aside_are_all_that_were_not_drawn(trained, table):
    aside = pd.read_csv(trained.with_suffix(".test.csv"), dtype=str)
    assert len(aside) == 60
    assert set(aside["closed"]) < set(table["closed"])
    assert aside.columns.tolist() == table.columns.tolist()
    assert aside["topic"].value_counts().tolist() == [20, 20, 20]


def test_the_balance_and_the_plan_are_printed(file, tiny_model, tmp_path, capsys):
    drawn = ["--n-texts", "30", "--model", tiny_model, "--output", str(tmp_path / "own.skops")]
    script("train").main(["--data", str(file), *COLUMNS, *drawn])
    printed = capsys.readouterr().out
    assert re.search(r"food +10\nmusic +10\nsport +10\n", printed)
    assert "24 to train on, 6 for validation, 60 put aside for the test" in printed
    assert "right in validation" in printed
    for name, option, kind in [("score", "--mistakes", "mistakes"), ("suggest", "--output", "suggested")]:
        command = rf"^    python \S*{name}\.py \S*own\.skops {' '.join(COLUMNS)} {option} \S*own\.{kind}\.csv$"
        assert re.search(command, printed, re.MULTILINE)


def test_a_label_with_one_drawn_text_does_not_stand_in_the_way(table, tiny_model, tmp_path):
    rare = table.assign(topic=table["topic"].where(table["words"].ne(table["words"].iloc[0]), "rare"))
    rare = pd.concat([rare, rare[rare["topic"] == "rare"]])
    rare.to_csv(tmp_path / "rare.csv", index=False)
    drawn = ["--n-texts", "40", "--model", tiny_model, "--output", str(tmp_path / "rare.skops")]
    script("train").main(["--data", str(tmp_path / "rare.csv"), *COLUMNS, *drawn])
    assert set(load(tmp_path / "rare.skops").classes_) == {"food", "music", "rare", "sport"}


def test_mistakes_are_sorted_by_confidence(trained, tmp_path, capsys):
    script("score").main([str(trained), *COLUMNS, "--mistakes", str(tmp_path / "mistakes.csv")])
    printed = capsys.readouterr().out
    mistakes = pd.read_csv(tmp_path / "mistakes.csv")
    aside, clf = pd.read_csv(trained.with_suffix(".test.csv")), load(trained)
    wrong = aside[clf.predict(aside["words"]) != aside["topic"]]
    assert 0 < len(wrong) < len(aside)
    assert sorted(mistakes["id"]) == sorted(wrong["id"])
    assert (mistakes["predicted"] == clf.predict(mistakes["words"])).all()
    assert mistakes["confidence"].is_monotonic_decreasing
    np.testing.assert_allclose(mistakes["confidence"], clf.predict_proba(mistakes["words"]).max(axis=1), atol=1e-4)
    assert f"{1 - len(wrong) / len(aside):.1%} of {len(aside)} tickets" in printed
    for row in mistakes.itertuples():
        assert f"{row.confidence:4.0%}  {row.predicted}, labelled {row.topic}\n      {row.words}" in printed


def open_tickets(table, file, **columns):
    """Write open tickets: no topic, and cells that pandas would like to change."""
    rows = table[60:].drop(columns="topic").assign(note=["NA", "", "1.0", 'a, "b"\nc', "x"] * 6, **columns)
    rows.to_csv(file, index=False)
    return rows


def test_open_tickets_get_a_comment_and_the_sure_ones_a_label(trained_well, table, tmp_path, capsys):
    rows = open_tickets(table, tmp_path / "open.csv")
    before = (tmp_path / "open.csv").read_bytes()
    options = ["--open", str(tmp_path / "open.csv"), "--output", str(tmp_path / "new.csv"), "--confidence-level", "0.6"]
    script("suggest").main([str(trained_well), *COLUMNS, *options])
    written = pd.read_csv(tmp_path / "new.csv", dtype=str, keep_default_na=False)
    assert (tmp_path / "open.csv").read_bytes() == before
    pd.testing.assert_frame_equal(written[list(rows)], rows.reset_index(drop=True), check_dtype=False)
    likeliest = load(trained_well).predict(rows["words"])
    form = r"suggested: (\w+) \(\d+ %\), then \w+ \(\d+ %\), \w+ \(\d+ %\)"
    assert written["comment"].str.fullmatch(form).all()
    assert written["comment"].str.extract(form)[0].tolist() == likeliest.tolist()
    assigned = written["assigned"] != ""
    assert assigned.sum() > 10
    assert (written["assigned"] == likeliest)[assigned].all()
    printed = capsys.readouterr().out
    assert f"{assigned.sum()} of 30 open tickets are assigned" in printed
    for row in written.head().itertuples():
        assert f"\n{row.words}\n    {row.comment}{'; assigned' * bool(row.assigned)}\n" in printed
    assert re.search(r"of 30 other closed tickets would be assigned automatically, \d+\.\d% of them rightly", printed)
    assert not list(tmp_path.glob(".*.partial"))


def test_suggest_reports_precision_on_held_out_tickets(trained_well, tmp_path, capsys):
    closed = tmp_path / "own.test.csv"
    tickets = pd.read_csv(closed)
    options = ["--output", str(tmp_path / "new.csv"), "--precision", "0.5", "--confidence-level", "0"]
    script("suggest").main([str(trained_well), *COLUMNS, *options])
    scored = pd.read_csv(tmp_path / "new.csv").merge(tickets[["id", "topic"]], on="id")
    assert len(scored) == 30
    assert "topic" not in pd.read_csv(tmp_path / "new.csv")
    right = (scored["assigned"] == scored["topic"])[scored["assigned"].notna()].mean()
    assert f"{right:.1%} of them rightly" in capsys.readouterr().out


def test_nothing_is_assigned_where_the_precision_is_out_of_reach(trained, tmp_path, capsys):
    options = ["--output", str(tmp_path / "new.csv"), "--precision", "1", "--confidence-level", "0.99"]
    script("suggest").main([str(trained), *COLUMNS, *options])
    written = pd.read_csv(tmp_path / "new.csv", keep_default_na=False)
    assert (written["assigned"] == "").all()
    assert written["comment"].str.startswith("suggested: ").all()
    printed = capsys.readouterr().out
    assert "Nothing is assigned. No threshold reaches precision=1.0" in printed
    assert "What helps: more closed tickets by --data, a lower --precision, or --confidence-level 0" in printed
    assert "least confidence" not in printed
    for row in written.head().itertuples():
        assert f"\n{row.words}\n    {row.comment}\n" in printed


def test_a_ticket_without_text_gets_no_comment(trained_well, table, tmp_path):
    open_tickets(table, tmp_path / "open.csv", words=[" ", *table["words"][61:]])
    options = ["--open", str(tmp_path / "open.csv"), "--output", str(tmp_path / "new.csv"), "--confidence-level", "0"]
    script("suggest").main([str(trained_well), *COLUMNS, *options])
    written = pd.read_csv(tmp_path / "new.csv", keep_default_na=False)
    assert written["comment"].eq("").tolist() == [True, *29 * [False]]
    assert written["assigned"][0] == ""


def test_labels_that_are_numbers_are_assigned_as_they_are(table, tiny_model, tmp_path):
    table = table.assign(topic=table["topic"].map({"food": 1, "music": 2, "sport": 30}))
    clf = SetFitClassifier(tiny_model, max_steps=30, learning_rate=3e-3, random_state=0)
    dump(clf.fit(table["words"][:30], table["topic"][:30]), tmp_path / "own.skops")
    table[30:].to_csv(tmp_path / "own.test.csv", index=False)
    options = ["--output", str(tmp_path / "new.csv"), "--confidence-level", "0.6"]
    script("suggest").main([str(tmp_path / "own.skops"), *COLUMNS, *options])
    written = pd.read_csv(tmp_path / "new.csv", dtype=str, keep_default_na=False)
    assert {"1", "2", "30"} <= set(written["assigned"]) <= {"1", "2", "30", ""}


def test_nothing_half_written_stays(trained_well, tmp_path, monkeypatch):
    suggest = script("suggest")

    def fail(self, file, **options):
        file.write_text("half")
        raise OSError("the disk is full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="the disk is full"):
        suggest.main([str(trained_well), *COLUMNS, "--output", str(tmp_path / "new.csv"), "--confidence-level", "0"])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "open.csv"], "--output: .*open.csv is there already"),
        (["--output", "new.csv", "--open", "nowhere.csv"], "--open: there is no file .*nowhere.csv"),
        (["--output", "new.csv", "--open", "taken.csv"], "have a column comment already"),
        (["--output", "new.csv", "--open", "other.csv"], "--text: .*other.csv has no column 'words', but 'a'"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_written(trained_well, table, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    open_tickets(table, Path("open.csv"))
    open_tickets(table, Path("taken.csv"), comment="call back")
    Path("other.csv").write_text("a\nb\n")
    with pytest.raises(SystemExit, match=message):
        script("suggest").main([str(trained_well), *COLUMNS, *options])
    assert not Path("new.csv").exists()


@pytest.fixture
def weekly(file, tiny_model):
    weeks = ["--window", "40", "--per-week", "20", "--weeks", "3", "--model", tiny_model]
    return ["--data", str(file), *COLUMNS, *weeks]


def test_every_week_costs_and_a_model_is_in_use(weekly, tmp_path, capsys):
    picture, model = tmp_path / "weeks.png", tmp_path / "in_use.skops"
    results = script("retrain").main([*weekly, "--figure", str(picture), "--output", str(model)])
    assert results["week"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert results["accuracy"].between(0, 1).all()
    trained = results[(results["week"] > 1) & (results["way"] != "first model")]
    assert (trained["seconds"] > 0).all()
    assert results["seconds"][results["way"].eq("first model") & results["week"].gt(1)].eq(0).all()
    assert results[results["week"] == 1].groupby("week")["accuracy"].nunique().eq(1).all()
    assert set(load(model).classes_) == {"food", "music", "sport"}
    assert imread(picture).std() > 0.01
    printed = capsys.readouterr().out
    assert len(re.findall(r"^week \d   fresh fit", printed, flags=re.MULTILINE)) == 3
    assert "28 tickets to train on; an accuracy is of 6 test tickets, 16.7 points each" in printed
    assert re.search(
        rf"first model +\d+\.\d+ +{results['accuracy'][results['way'] == 'first model'].mean():.2f}\d* +1$",
        printed,
        re.MULTILINE,
    )


def test_a_worse_model_is_not_taken_and_the_one_in_use_stays_as_it_is(weekly, monkeypatch):
    retrain = script("retrain")
    simulate, kept, models = retrain.simulate, {}, []

    def score(clf, X, y):
        if not any(clf is model for model in models):
            models.append(clf)
        return -next(rank for rank, model in enumerate(models) if clf is model)  # the newer, the worse

    def recorded(options):
        results, in_use = simulate(options)
        kept.update(in_use)
        return results, in_use

    monkeypatch.setattr(SetFitClassifier, "score", score)
    monkeypatch.setattr(retrain, "simulate", recorded)
    results = retrain.main(weekly)
    assert len(models) == 5
    assert results.groupby("week")["kept"].sum().tolist() == [3, 0, 0]
    assert all(clf is models[0] for clf in kept.values())
    assert not models[0].warm_start


def test_retrain_sorts_by_date_and_calendar_week(weekly, monkeypatch):
    retrain = script("retrain")
    found = []
    monkeypatch.setattr(retrain, "simulate", lambda options: found.extend(retrain.windows(options)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        retrain.main([*weekly, "--date", "closed"])
    assert [len(window) for window in found] == [40, 40, 40]
    assert all(window["closed"].is_monotonic_increasing for window in found)
    ends = [str(window["closed"].iloc[-1].date()) for window in found]
    assert ends == ["2026-05-17", "2026-05-24", "2026-05-30"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--window", "100"], "--window: there are 90 tickets, and 100 are to be trained on"),
        (["--date", "day"], "--date: .*own.csv has no column 'day', but 'id', 'words', 'topic', 'closed'"),
        (["--date", "words"], "--date: dates must be written as 2026-11-22"),
    ],
)
def test_weeks_that_cannot_be_are_said(weekly, options, message):
    with pytest.raises(SystemExit, match=message):
        script("retrain").main([*weekly, *options])


def run_alone(name, folder, *options):
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", FOLDER / f"{name}.py", *options],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.real_weights
def test_the_team_gets_its_tickets_sorted(tmp_path):
    assert "80 to train on, 20 for validation, 378 put aside" in run_alone("train", tmp_path)
    scored = run_alone("score", tmp_path, "tickets.skops", "--mistakes", "mistakes.csv")
    assert float(re.match(r"(\d+\.\d)% of 378 tickets", scored)[1]) > 75
    assert f"{len(pd.read_csv(tmp_path / 'mistakes.csv'))} are wrong" in scored
    suggested = run_alone("suggest", tmp_path, "tickets.skops", "--output", "suggested.csv")
    n_assigned, rightly = re.search(r"^(\d+) of 189 other .*, (\d+\.\d)% of them", suggested, re.MULTILINE).groups()
    assert int(n_assigned) > 60
    assert float(rightly) > 85
    assert len(pd.read_csv(tmp_path / "suggested.csv")) == 189
    assert "week 6" in run_alone("retrain", tmp_path, "--figure", "weeks.png")
