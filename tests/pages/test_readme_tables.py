"""The tables of the README and of the results page are those of the committed results."""

import pandas as pd
import pytest

from conftest import EXAMPLES, load_example

BENCHMARKS = EXAMPLES / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return load_example("benchmarks/readme_tables.py")


def results(**columns):
    rows = [
        ("cr", 0, "reference", 0.70, 40.0, "other"),
        ("cr", 0, "reference", 0.70, 30.0, "this"),  # measured again on this machine
        ("cr", 0, "sksetfit", 0.75, 3.0, "this"),
        ("cr", 1, "reference", 0.72, 50.0, "other"),
        ("cr", 1, "sksetfit", 0.73, 5.0, "this"),
        ("cr", 2, "sksetfit", 0.99, 5.0, "this"),  # without a partner
        ("trec", 0, "reference", 0.80, 50.0, "other"),
        ("trec", 0, "sksetfit", 0.90, 4.0, "this"),
    ]
    named = ["set", "seed", "method", "accuracy", "fit_processor_seconds", "machine"]
    table = pd.DataFrame(rows, columns=named).assign(model="owner/body", shots=8, test_size=500, threads=1)
    return table.assign(**columns)


def test_a_table_compares_the_samples_that_all_methods_have(tables):
    assert tables.table(results(), "body").splitlines() == [
        "| data | samples | `setfit` | sksetfit | difference | times as fast |",
        "| --- | --- | --- | --- | --- | --- |",
        "| cr | 2 | 71.0 ± 1.4 | 74.0 ± 1.4 | +3.0 ± 2.0 | 6 |",
        "| trec | 1 | 80.0 | 90.0 | +10.0 |  |",  # the times of different machines have no ratio
        "| mean | 3 | 75.5 | 82.0 | +6.5 | 6 |",  # a set of one sample has no error
    ]


def test_other_bodies_and_other_numbers_of_texts_are_left_out(tables):
    more = pd.concat([results(), results(accuracy=0.1, shots=16), results(accuracy=0.1, model="another-body")])
    assert tables.table(more, "body") == tables.table(results(), "body")


def test_a_table_by_texts_has_the_means_at_each_number_of_texts(tables):
    more = pd.concat([results(shots=16), results()])
    assert tables.table_by_texts(more, "body").splitlines() == [
        "| texts per class | samples | `setfit` | sksetfit | difference | times as fast |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 8 | 3 | 75.5 | 82.0 | +6.5 | 6 |",
        "| 16 | 3 | 75.5 | 82.0 | +6.5 | 6 |",
    ]
    page = "<!-- table body by texts -->\n<!-- end -->\n"
    assert tables.table_by_texts(more, "body") in tables.with_tables(page, more)


def test_a_table_by_texts_needs_the_same_methods_at_each_number_of_texts(tables):
    others = results(shots=16)
    more = pd.concat([results(), others, others.assign(method=others["method"].replace("reference", "frozen"))])
    with pytest.raises(SystemExit, match="at 16 texts per class are not of the methods"):
        tables.table_by_texts(more, "body")


def test_the_place_of_a_table_is_filled_and_can_be_filled_again(tables):
    page = "before\n<!-- table body -->\nold\n<!-- end -->\nafter\n"
    written = tables.with_tables(page, results())
    assert written == f"before\n<!-- table body -->\n{tables.table(results(), 'body')}\n<!-- end -->\nafter\n"
    assert tables.with_tables(written, results()) == written


def test_the_pages_hold_the_tables_of_the_results(tables):
    committed = pd.read_csv(tables.RESULTS)
    for path in tables.PAGES:
        page = path.read_text(encoding="utf-8")
        assert "<!-- table" in page, path.name
        assert page == tables.with_tables(page, committed), f"{path.name}: run examples/benchmarks/readme_tables.py"
