"""The whole public interface as a typed project would use it: mypy reads it from outside, and test_typing.py runs it.

Each `assert_type` holds twice: for mypy, and for the value itself. A line with `type: ignore` is a mistake that mypy
must find, because an ignored line without a mistake is one to `mypy --strict`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, assert_type

import numpy as np
import pandas as pd
from huggingface_hub import CommitInfo, ModelCard
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sksetfit import (
    DistilledSetFitClassifier,
    EmbeddingsDisplay,
    FewShotSplit,
    LogisticRegressionHead,
    MultiLabelThresholdClassifier,
    RejectClassifier,
    RiskCoverageDisplay,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    TuningCurveDisplay,
    __version__,
    dump,
    load,
    load_tickets,
    make_templated_texts,
    model_card,
    push_to_hub,
    read_setfit,
    write_onnx,
    write_setfit,
)

X = ["wrong sum", "paid twice", "bad total", "no refund", "locked out", "no access", "new password", "cannot sign in"]
Y = ["billing"] * 4 + ["login"] * 4


def data() -> None:
    assert_type(__version__, str)
    texts, categories = load_tickets(return_X_y=True)
    assert_type(texts, NDArray[np.object_])
    assert_type(categories, NDArray[np.str_])
    assert_type(load_tickets(target="tags", return_X_y=True)[1], NDArray[np.int64])
    assert_type(load_tickets(return_X_y=True, as_frame=True), tuple[pd.Series, pd.Series])
    assert_type(load_tickets(target="tags", return_X_y=True, as_frame=True), tuple[pd.Series, pd.DataFrame])
    assert_type(load_tickets(target="tags"), Bunch)
    as_the_user_says: bool = True
    assert_type(load_tickets(return_X_y=as_the_user_says), Any)
    with suppress(ValueError):
        load_tickets(target="priority")  # type: ignore[call-overload]
    assert_type(make_templated_texts(["billing", "login"]), tuple[list[str], NDArray[Any]])
    assert_type(make_templated_texts({0: "a bill", 1: ["a login"]}, templates=["{}"])[0], list[str])
    for train, test in FewShotSplit(2, n_splits=2, test_size=2, random_state=0).split(X, Y):
        assert_type(train, NDArray[np.intp])
        assert_type(test, NDArray[np.intp])


def classifier(model: str) -> SetFitClassifier:
    clf = SetFitClassifier(
        Path(model),
        head=LogisticRegression(),
        label_texts={"billing": "a bill", "login": ["a login", "a password"]},
        max_steps=2,
        long_texts="truncate",
        class_weight={"billing": 1, "login": 2.5},
        early_stopping=True,
        scoring=lambda estimator, X, y: 0.5,
        random_state=np.random.RandomState(0),
    )
    assert_type(clf.fit(X, Y), SetFitClassifier)
    assert_type(clf.set_params(early_stopping=False, scoring=None).fit(X, Y, [1.0] * len(X)), SetFitClassifier)
    assert_type(clf.max_steps, int | Literal["auto"])
    assert_type(clf.loss, Literal["supcon", "cosine"])
    assert_type(clf.predict(X), NDArray[Any])
    assert_type(clf.predict_proba(X), NDArray[np.floating])
    assert_type(clf.decision_function(X), NDArray[np.floating])
    assert_type(clf.classes_, NDArray[Any])
    assert_type(clf.encoder_, SetFitEncoder)
    assert_type(clf.n_steps_, int)
    assert_type(clf.loss_curve_, NDArray[np.float64])
    assert_type(clf.validation_scores_, NDArray[np.float64])
    assert_type(clf.validation_steps_, NDArray[np.int64])
    with suppress(ImportError):
        from sksetfit import SetFitModel  # type: ignore[attr-defined]  # noqa: F401
    with suppress(TypeError):
        SetFitClassifier(max_step=3)  # type: ignore[call-arg]
    SetFitClassifier(batch_size="24")  # type: ignore[arg-type]
    SetFitClassifier(loss="triplet")  # type: ignore[arg-type]
    SetFitClassifier(max_steps="many")  # type: ignore[arg-type]
    SetFitClassifier(precision="float16")  # type: ignore[arg-type]
    SetFitClassifier(backend="onnx")  # type: ignore[arg-type]
    SetFitClassifier(multi_target_strategy="chain")  # type: ignore[arg-type]
    return clf


def encoder(model: str) -> None:
    fitted = SetFitEncoder(model, max_steps=1, label_texts=None, memory=None, random_state=0).fit(X, Y)
    assert_type(fitted, SetFitEncoder)
    assert_type(fitted.transform(X), Any)  # an ndarray, or the frame that set_output asks for
    SetFitEncoder(loss="triplet")  # type: ignore[arg-type]
    SetFitEncoder(max_steps="many")  # type: ignore[arg-type]
    assert_type(fitted.label_texts_, dict[Any, list[str]])
    assert_type(fitted.n_steps_, int)
    assert_type(fitted.class_count_, NDArray[np.int64])
    assert_type(fitted.word_counts_, NDArray[np.float64])
    assert_type(make_pipeline(fitted, LogisticRegression()), Any)  # scikit-learn has no types


def heads_and_those_around(clf: SetFitClassifier) -> None:
    logistic = LogisticRegressionHead(C=1.0).fit(clf.encoder_.transform(X), Y)
    assert_type(logistic, LogisticRegressionHead)
    assert_type(logistic.predict_proba(clf.encoder_.transform(X)), NDArray[np.floating])
    head = TorchHead(class_weight="balanced").fit(clf.encoder_.transform(X), Y)
    assert_type(head, TorchHead)
    assert_type(head.coef_, NDArray[np.float64])
    assert_type(head.intercept_, NDArray[np.float64])
    assert_type(head.multilabel_, bool)
    assert_type(head.n_features_in_, int)
    assert_type(head.n_iter_, int)
    assert_type(head.predict(clf.encoder_.transform(X)), NDArray[Any])
    student = DistilledSetFitClassifier(clf, n_layers=1, max_steps=1, random_state=0).fit(X)
    assert_type(student, DistilledSetFitClassifier)
    DistilledSetFitClassifier(clf, precision="float16")  # type: ignore[arg-type]
    assert_type(student.predict_proba(X), NDArray[np.floating])
    assert_type(student.loss_curve_, NDArray[np.float64])
    sure = RejectClassifier(clf, coverage=0.5, cv="prefit").fit(X, Y)
    assert_type(sure, RejectClassifier)
    assert_type(sure.predict(X), NDArray[Any])
    assert_type(sure.predict_proba(X), NDArray[np.floating])
    assert_type(sure.threshold_, float)
    assert_type(sure.precision_, float)
    assert_type(sure.coverage_, float)
    assert_type(sure.reject_label_, str | int)
    tags = np.array([[label == "billing", label == "login"] for label in Y]).astype(int)
    several = SetFitClassifier(clf.model, max_steps=0, random_state=0).fit(X, tags)
    tuned = MultiLabelThresholdClassifier(several, scoring="f1", cv="prefit").fit(X, tags)
    assert_type(tuned, MultiLabelThresholdClassifier)
    assert_type(tuned.predict(X), NDArray[np.int64])
    assert_type(tuned.predict_proba(X), NDArray[np.float64])
    assert_type(tuned.thresholds_, NDArray[np.float64])


def files(clf: SetFitClassifier, folder: Path) -> None:
    dump(clf, folder / "model.skops")
    assert_type(load(folder / "model.skops"), Any)  # a file may hold any estimator
    write_setfit(clf, folder / "setfit")
    write_onnx(clf, folder / "onnx")
    assert_type(read_setfit(folder / "setfit", trust_pickle=True), SetFitClassifier)
    assert_type(model_card(clf, X, Y, model_name="a model"), ModelCard)


def publish(clf: SetFitClassifier) -> None:
    assert_type(push_to_hub(clf, "owner/name", card=model_card(clf), private=True), CommitInfo)


def pictures(clf: SetFitClassifier, ax: Axes) -> None:
    tuning = TuningCurveDisplay.from_estimator(clf, ax=ax)
    assert_type(tuning, TuningCurveDisplay)
    assert_type(tuning.ax_, Axes)
    assert_type(tuning.figure_, Figure)
    assert_type(tuning.line_, Line2D)
    assert_type(tuning.score_ax_, Axes | None)
    assert_type(tuning.score_line_, Line2D | None)
    risk = RiskCoverageDisplay.from_estimator(clf, X, Y, ax=ax, color="C1")
    assert_type(risk, RiskCoverageDisplay)
    assert_type(risk.plot(ax=None).ax_, Axes)
    assert_type(RiskCoverageDisplay.from_predictions(Y, clf.predict_proba(X)), RiskCoverageDisplay)
    assert_type(tuning.plot(line_kw={"linestyle": ":"}), TuningCurveDisplay)
    points = EmbeddingsDisplay.from_estimator(clf.encoder_, X, Y, ax=ax, scatter_kw={"s": 4})
    assert_type(EmbeddingsDisplay(points=np.ones((8, 2)), y=Y).plot().scatters_, list[PathCollection])
    assert_type(points, EmbeddingsDisplay)
    assert_type(points.ax_, Axes)
    assert_type(points.scatters_, list[PathCollection])
