"""The measurements for a GPU, on the processor."""

import sys

import pandas as pd
import pytest

from conftest import EXAMPLES, load_example, make_texts


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_all_but_the_memory_is_measured_on_a_processor(tiny_model, tmp_path, monkeypatch, capsys):
    texts, labels = make_texts(10)
    for part in ("train", "test"):
        pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / f"some_{part}.csv", index=False)
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    options = ["--data", tmp_path, "--set", "some", "--models", tiny_model, "--shots", 2, 4, "--n-texts", 50]
    results = tmp_path / "gpu.csv"
    options += ["--device", "cpu", "--no-reference", "--results", results]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, options)])
    load_example("benchmarks/gpu.py").main()
    rows = pd.read_csv(results)
    assert rows["task"].tolist() == ["fit, 2 texts per class", "fit, 4 texts per class", "predict, 50 texts"]
    assert (rows["seconds"] > 0).all()
    assert rows["gigabytes"].isna().all()
    assert (rows["share_of_rate"][:2] > 0).all()
    printed = capsys.readouterr().out
    assert float(printed.split("largest difference ")[1].split()[0]) < 1e-5
