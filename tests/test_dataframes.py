"""Texts, targets and embeddings in the columns of pandas, polars and pyarrow.

That every container is read as the same list is held in inputs/test_texts.py. Here the containers go through whole
fits, scores and scikit-learn's tools, and the tables that the encoder makes go on through pipelines.
"""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.exceptions import DataConversionWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit, cross_val_score, train_test_split
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, SetFitEncoder
from test_estimator_checks import assert_same

TEXTS, LABELS = make_texts(8)
INDEX = [f"ticket {i}" for i in range(len(TEXTS))]
QUICK = {"max_steps": 1, "label_texts": None, "precision": "float32", "random_state": 0}


def categories(rows, more=()):
    return sorted({*rows, *more})


COLUMNS = {  # what cuts rows out of them is scikit-learn; pandas' Index and arrays it cannot cut
    "pandas, object": lambda rows: pd.Series(rows, dtype=object),
    "pandas, str": lambda rows: pd.Series(rows, dtype="str"),
    "pandas, string": lambda rows: pd.Series(rows, dtype="string"),
    "pandas, string of Python": lambda rows: pd.Series(rows, dtype="string[python]"),
    "pandas, string of Arrow": lambda rows: pd.Series(rows, dtype="string[pyarrow]"),
    "pandas, Arrow": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.large_string())),
    "pandas, categories": lambda rows: pd.Series(rows, dtype="category"),
    "pandas, unused categories": lambda rows: pd.Series(rows, dtype=pd.CategoricalDtype(categories(rows, ["unused"]))),
    "pandas, index of words": lambda rows: pd.Series(rows, index=[f"row {i}" for i in range(len(rows))]),
    "pandas, index backwards": lambda rows: pd.Series(rows, index=range(len(rows))[::-1]),
    "pandas, one index for all": lambda rows: pd.Series(rows, index=[0] * len(rows)),
    "pandas, nested index": lambda rows: pd.Series(rows, index=pd.MultiIndex.from_product([["a"], range(len(rows))])),
    "polars": pl.Series,
    "polars, categories": lambda rows: pl.Series(rows, dtype=pl.Categorical),
    "polars, Enum": lambda rows: pl.Series(rows, dtype=pl.Enum(categories(rows))),
    "pyarrow": pa.array,
    "pyarrow, large": lambda rows: pa.array(rows, pa.large_string()),
    "pyarrow, dictionary": lambda rows: pa.array(rows).dictionary_encode(),
    "pyarrow, chunks": lambda rows: pa.chunked_array([rows[:5], rows[5:]]),
}
FRAMES = {
    "pandas frame": lambda rows: pd.DataFrame({"text": rows}),
    "pandas frame, index of words": lambda rows: pd.DataFrame({"text": rows}, index=INDEX[: len(rows)]),
    "pandas frame, string": lambda rows: pd.DataFrame({"text": rows}, dtype="string"),
    "polars frame": lambda rows: pl.DataFrame({"text": rows}),
    "pyarrow table": lambda rows: pa.table({"text": rows}),
}


@pytest.fixture
def classifier(tiny_model):
    return SetFitClassifier(tiny_model, **QUICK)


@pytest.fixture
def encoder(tiny_model):
    return SetFitEncoder(tiny_model, **QUICK)


def fitted_alone(make, X, y):
    """Return what a classifier and an encoder, fitted on X and y, say of X and y."""
    classifier, encoder = make
    classifier, encoder = clone(classifier).fit(X, y), clone(encoder)
    return {
        "classes": classifier.classes_.astype(str),
        "predict": classifier.predict(X).astype(str),
        "predict_proba": classifier.predict_proba(X),
        "decision_function": classifier.decision_function(X),
        "score": np.array(classifier.score(X, y)),
        "fit_transform": encoder.fit_transform(X, y),
        "transform": encoder.transform(X),
    }


def through_tools(classifier, X, y):
    """Return what scikit-learn's tools make of a classifier and X and y."""
    once = StratifiedShuffleSplit(1, random_state=0)
    search = GridSearchCV(classifier, {"head__C": [1]}, cv=once, error_score="raise").fit(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    of_half = clone(classifier).fit(X_train, y_train)
    return {
        "cross_val_score": cross_val_score(classifier, X, y, cv=2, error_score="raise"),
        "GridSearchCV": np.array(search.best_score_),
        "refit": search.predict_proba(X),
        "train_test_split": of_half.predict_proba(X_test),
        "score of the split": np.array(of_half.score(X_test, y_test)),
    }


@pytest.fixture(scope="module")
def of_lists(tiny_model):
    """What lists of texts and labels give."""
    classifier, encoder = SetFitClassifier(tiny_model, **QUICK), SetFitEncoder(tiny_model, **QUICK)
    return fitted_alone((classifier, encoder), TEXTS, LABELS) | through_tools(classifier, TEXTS, LABELS)


def assert_as_lists(found, of_lists):
    assert_same(found, {name: of_lists[name] for name in found})


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_texts_and_one_of_labels_are_as_good_as_lists(column, classifier, encoder, of_lists):
    X, y = COLUMNS[column](TEXTS), COLUMNS[column](LABELS)
    assert_as_lists(fitted_alone((classifier, encoder), X, y), of_lists)
    assert_as_lists(through_tools(classifier, X, y), of_lists)
    assert X.equals(COLUMNS[column](TEXTS))
    assert y.equals(COLUMNS[column](LABELS))


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_of_one_column_is_as_good_as_a_list(frame, classifier, encoder, of_lists):
    X = FRAMES[frame](TEXTS)
    assert_as_lists(fitted_alone((classifier, encoder), X, LABELS), of_lists)
    assert_as_lists(through_tools(classifier, X, LABELS), of_lists)
    assert X.equals(FRAMES[frame](TEXTS))


@pytest.mark.parametrize("frame", FRAMES)
def test_one_column_label_frame_warns(frame, classifier, of_lists):
    y = FRAMES[frame](LABELS)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        classifier.fit(TEXTS, y)
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), of_lists["predict_proba"])
    assert classifier.score(TEXTS, y) == of_lists["score"]


@pytest.mark.parametrize("y_column", ["pandas, categories", "polars, Enum", "pyarrow, dictionary"])
@pytest.mark.parametrize("X_column", ["pandas, one index for all", "polars", "pyarrow, chunks"])
def test_columns_of_different_libraries_go_together(X_column, y_column, classifier, of_lists):
    assert_as_lists(through_tools(classifier, COLUMNS[X_column](TEXTS), COLUMNS[y_column](LABELS)), of_lists)


def test_rows_go_together_by_their_place_and_not_by_their_index(classifier, of_lists):
    X, y = pd.Series(TEXTS, index=INDEX), pd.Series(LABELS, index=INDEX[::-1])
    np.testing.assert_array_equal(classifier.fit(X, y).predict_proba(X), of_lists["predict_proba"])


def test_a_part_of_a_column_is_that_part(classifier):
    labels = [label for label in LABELS if label != "sport"]
    texts = [text for text, label in zip(TEXTS, LABELS, strict=True) if label != "sport"]
    expected = clone(classifier).fit(texts, labels)
    table = pd.DataFrame({"text": TEXTS, "label": pd.Categorical(LABELS)})
    part = table[table["label"] != "sport"]  # whose index has holes, and whose categories include "sport"
    assert list(expected.classes_) == list(classifier.fit(part["text"], part["label"]).classes_)
    np.testing.assert_array_equal(classifier.predict_proba(part["text"]), expected.predict_proba(texts))
    rows = pl.from_pandas(table).filter(pl.col("label").cast(pl.String) != "sport")
    found = clone(classifier).fit(rows["text"], rows["label"]).predict_proba(rows["text"])
    np.testing.assert_array_equal(found, expected.predict_proba(texts))


# -- several labels per text

INDICATOR = np.array([[label == topic for topic in TOPICS] for label in LABELS], dtype=int)
INDICATOR[::4] |= np.roll(INDICATOR[::4], 1, axis=1)
TAGS = pd.DataFrame(INDICATOR, columns=list(TOPICS), index=INDEX)
TAG_FRAMES = {
    "pandas": TAGS,
    "pandas, bool": TAGS.astype(bool),
    "pandas, uint8": TAGS.astype("uint8"),
    "pandas, float": TAGS.astype(float),
    "pandas, sparse": TAGS.astype(pd.SparseDtype(int)),
    "polars": pl.from_pandas(TAGS),
    "polars, bool": pl.from_pandas(TAGS.astype(bool)),
    "polars, UInt8": pl.from_pandas(TAGS).cast(pl.UInt8),
    "pyarrow": pa.Table.from_pandas(TAGS, preserve_index=False),
}
NULLABLE = {
    "pandas, Int64": TAGS.astype("Int64"),
    "pandas, boolean": TAGS.astype("boolean"),
    "pandas, Arrow": TAGS.astype(pd.ArrowDtype(pa.int8())),
}


@pytest.mark.parametrize("name", TAG_FRAMES)
def test_the_columns_of_a_frame_are_the_labels_in_every_tool(name, classifier):
    Y, before = TAG_FRAMES[name], copy.deepcopy(TAG_FRAMES[name])
    named = clone(classifier).fit(TEXTS, TAGS)
    assert list(classifier.fit(TEXTS, Y).classes_) == list(TOPICS)
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), named.predict_proba(TEXTS))
    np.testing.assert_array_equal(classifier.predict(TEXTS), named.predict(TEXTS), strict=True)
    assert classifier.score(TEXTS, Y) == np.mean((named.predict(TEXTS) == INDICATOR).all(axis=1)) > 0.3
    found, expected = (
        cross_val_score(classifier, TEXTS, tags, cv=2, scoring="f1_macro", error_score="raise") for tags in (Y, TAGS)
    )
    np.testing.assert_array_equal(found, expected)
    X_train, X_test, Y_train, Y_test = train_test_split(pd.Series(TEXTS, index=INDEX), Y, random_state=1)
    assert list(classifier.fit(X_train, Y_train).classes_) == list(TOPICS)
    assert 0 <= classifier.score(X_test, Y_test) <= 1
    assert Y.equals(before)


@pytest.mark.parametrize("name", NULLABLE)
def test_nullable_columns_are_fitted_and_scored_but_scikit_learns_scorers_want_numbers(name, classifier):
    Y = NULLABLE[name]
    expected = clone(classifier).fit(TEXTS, TAGS)
    np.testing.assert_array_equal(classifier.fit(TEXTS, Y).predict_proba(TEXTS), expected.predict_proba(TEXTS))
    assert classifier.score(TEXTS, Y) == classifier.score(TEXTS, Y.astype(int)) == expected.score(TEXTS, TAGS)
    if name != "pandas, boolean":
        with pytest.raises(ValueError, match="dtype object"):
            accuracy_score(Y, classifier.predict(TEXTS))


# -- set_output


def table(library="pandas"):
    """Return a table of texts, numbers and places."""
    places = ["shop", "street", "home"]
    frame = pd.DataFrame(
        {"n_words": [len(text.split()) for text in TEXTS], "text": TEXTS, "place": (places * len(TEXTS))[: len(TEXTS)]},
        index=INDEX,
    )
    if library == "pandas":
        return frame
    return pl.from_pandas(frame) if library == "polars" else pa.Table.from_pandas(frame, preserve_index=False)


def columns(encoder, **options):
    return ColumnTransformer(
        [
            ("words", clone(encoder), "text"),
            ("count", StandardScaler(), ["n_words"]),
            ("place", OneHotEncoder(sparse_output=False), ["place"]),
        ],
        **options,
    )


@pytest.fixture(scope="module")
def joined(tiny_model):
    """What becomes of the table without any output set."""
    return columns(SetFitEncoder(tiny_model, **QUICK)).fit_transform(table(), LABELS)


EMBEDDED = [f"setfitencoder{i}" for i in range(32)]
REST = ["n_words", "place_home", "place_shop", "place_street"]
PREFIXED = [f"words__{name}" for name in EMBEDDED] + [
    "count__n_words",
    *(f"place__{name}" for name in REST if name != "n_words"),
]
LIBRARIES = ["pandas", "polars", "pyarrow"]
OUTPUTS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "default": np.ndarray}


def assert_frame(found, output, names, values, given, rtol=0):
    """Assert that ``found`` is what ``set_output(transform=output)`` promises, with the index of what was given."""
    assert type(found) is OUTPUTS[output]
    np.testing.assert_allclose(np.asarray(found), values, rtol=rtol)
    if output != "default":
        assert list(found.columns) == list(names)
    if output == "pandas":
        assert list(found.index) == (INDEX if given == "pandas" else list(range(len(TEXTS))))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("given", LIBRARIES)
def test_the_encoder_alone_makes_a_table_of_a_column_and_of_a_frame(given, output, encoder, of_lists):
    expected = of_lists["transform"]
    X = table(given)
    frame = X[["text"]] if given != "pyarrow" else X.select(["text"])
    for rows in (X["text"], frame):
        encoder.set_output(transform=output)
        assert_frame(encoder.fit_transform(rows, LABELS), output, EMBEDDED, expected, given)
        assert_frame(encoder.transform(rows), output, EMBEDDED, expected, given)
    assert list(encoder.get_feature_names_out()) == EMBEDDED
    if output == "polars":
        assert set(encoder.transform(TEXTS).dtypes) == {pl.Float32}
    if output == "pandas":
        assert set(encoder.transform(TEXTS).dtypes) == {np.dtype(np.float32)}


@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("given", LIBRARIES)
def test_a_column_transformer_puts_embeddings_beside_other_columns(given, output, prefixed, encoder, joined):
    X, names = table(given), PREFIXED if prefixed else EMBEDDED + REST
    model = columns(encoder, verbose_feature_names_out=prefixed).set_output(transform=output)
    assert_frame(model.fit_transform(X, LABELS), output, names, joined, given)
    assert_frame(model.transform(X), output, names, joined, given)
    assert X.equals(table(given))
    assert list(model.get_feature_names_out()) == names


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("given", LIBRARIES)
def test_names_and_index_carry_over_through_a_pipeline(given, output, encoder, joined):
    X = table(given)
    model = make_pipeline(columns(encoder), StandardScaler(), LogisticRegression()).set_output(transform=output)
    expected = StandardScaler().fit_transform(joined)
    model.fit(X, LABELS)
    assert list(model[:-1].get_feature_names_out()) == PREFIXED
    assert_frame(model[:-1].transform(X), output, PREFIXED, expected, given, rtol=1e-9)  # sums of columns or rows
    assert (list(model[-1].feature_names_in_) == PREFIXED) if output != "default" else model[-1].n_features_in_ == 36
    assert model.score(X, LABELS) > 0.8


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("given", LIBRARIES)
def test_a_feature_union_puts_embeddings_side_by_side(given, output, encoder):
    X = table(given)["text"]
    union = FeatureUnion([("a", encoder), ("b", clone(encoder).set_params(loss="cosine"))])
    expected = clone(union).fit_transform(TEXTS, LABELS)
    names = [f"{name}__{column}" for name in "ab" for column in EMBEDDED]
    union.set_output(transform=output)
    assert_frame(union.fit_transform(X, LABELS), output, names, expected, given)
    assert list(union.get_feature_names_out()) == names


def test_encoders_without_prefixes_have_duplicate_names(encoder):
    union = FeatureUnion([("a", encoder), ("b", clone(encoder))], verbose_feature_names_out=False)
    with pytest.raises(ValueError, match="are not unique"):
        union.fit(TEXTS, LABELS).get_feature_names_out()


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("given", LIBRARIES)
def test_a_global_output_changes_no_answer_of_the_classifier(given, output, classifier, of_lists):
    X = table(given)["text"]
    with config_context(transform_output=output):
        scores = cross_val_score(classifier, X, LABELS, cv=2, error_score="raise")
        np.testing.assert_array_equal(scores, of_lists["cross_val_score"])
        classifier.fit(X, LABELS)
        assert type(classifier.encoder_.transform(X)) is OUTPUTS[output]
        for method in ("predict_proba", "decision_function"):
            np.testing.assert_array_equal(getattr(classifier, method)(X), of_lists[method], strict=True)
        assert classifier.predict(X).astype(str).tolist() == of_lists["predict"].tolist()
    with config_context(transform_output=output):
        model = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), clone(classifier))
        model.fit(table()[["text"]], LABELS)  # the imputer hands a frame of one column on
    np.testing.assert_array_equal(model.predict_proba(table()[["text"]]), of_lists["predict_proba"])


def test_pipeline_head_with_set_output(classifier):
    head = make_pipeline(StandardScaler().set_output(transform="pandas"), LogisticRegression())
    plain = clone(classifier).set_params(head=make_pipeline(StandardScaler(), LogisticRegression()))
    found = classifier.set_params(head=head).fit(TEXTS, LABELS).predict_proba(TEXTS)
    np.testing.assert_array_equal(found, plain.fit(TEXTS, LABELS).predict_proba(TEXTS))


# -- recipes

TEXT_COLUMN = {
    "its name": "text",
    "a list of its name": ["text"],
    "a pattern": make_column_selector(pattern="^text$"),
    "a dtype": make_column_selector(pattern="text", dtype_include=["object", "string"]),
    "its place": 1,
    "a slice": slice("text", "text"),
    "a mask": [False, True, False],
    "a function": lambda frame: [name for name in frame.columns if name.startswith("te")],
}


@pytest.mark.parametrize("where", TEXT_COLUMN)
def test_the_column_of_texts_is_named_in_every_way_that_scikit_learn_knows(where, encoder, of_lists):
    X = table()
    model = make_column_transformer(
        (clone(encoder), TEXT_COLUMN[where]),
        (StandardScaler(), make_column_selector(dtype_include="number")),
        remainder="drop",
    )
    found = model.fit_transform(X, LABELS)
    np.testing.assert_array_equal(found[:, :32], of_lists["transform"])
    assert X.equals(table())


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_a_column_selector_is_for_pandas_alone(library, encoder):
    model = make_column_transformer((encoder, make_column_selector(pattern="text")))
    with pytest.raises(ValueError, match="can only be applied to pandas"):
        model.fit(table(library), LABELS)


def test_columns_of_text_are_joined_by_a_function_in_front(classifier):
    def joined(frame):
        return frame["place"] + ": " + frame["text"]

    X = table()
    expected = [f"{place}: {text}" for place, text in zip(X["place"], TEXTS, strict=True)]
    model = make_pipeline(FunctionTransformer(joined), classifier).fit(X, LABELS)
    np.testing.assert_array_equal(
        model.predict_proba(X), clone(classifier).fit(expected, LABELS).predict_proba(expected)
    )


def test_two_columns_of_text_have_an_encoder_each(encoder):
    X = table().assign(reply=TEXTS[::-1])
    model = ColumnTransformer([(name, clone(encoder), name) for name in ("text", "reply")])
    model.set_output(transform="pandas")
    found = model.fit_transform(X, LABELS)
    assert list(found.columns[[0, -1]]) == ["text__setfitencoder0", "reply__setfitencoder31"]
    np.testing.assert_array_equal(found.iloc[:, 32:], clone(encoder).fit_transform(TEXTS[::-1], LABELS))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_search_goes_over_tables(library, encoder):
    model = Pipeline([("columns", columns(encoder)), ("head", LogisticRegression())])
    grid = {"columns__words__loss": ["supcon", "cosine"], "head__C": [1]}
    found, expected = (
        GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, LABELS).cv_results_["mean_test_score"]
        for X in (table(library), table())
    )
    np.testing.assert_array_equal(found, expected)


# -- errors


def spoiled(rows, value, dtype=object):
    return pd.Series([*rows[:3], value, *rows[4:]], index=INDEX, dtype=dtype)


BAD_X = {
    "a missing text": (spoiled(TEXTS, None), r"at row 3 \(index 'ticket 3'\)"),
    "a missing text of string": (spoiled(TEXTS, None, "string"), r"at row 3 \(index 'ticket 3'\): got <NA>"),
    "a missing text of Arrow": (spoiled(TEXTS, None, "string[pyarrow]"), r"at row 3 \(index 'ticket 3'\): got <NA>"),
    "a missing category": (spoiled(TEXTS, None, "category"), r"at row 3 \(index 'ticket 3'\)"),
    "in a frame": (spoiled(TEXTS, None).to_frame(), r"at row 3 \(index 'ticket 3'\)"),
    "by date": (
        spoiled(TEXTS, None).set_axis(pd.date_range("2024-01-01", periods=24)),
        r"at row 3 \(index Timestamp\('2024-01-04 00:00:00'\)\)",
    ),
    "by two levels": (
        spoiled(TEXTS, None).set_axis(pd.MultiIndex.from_product([["a"], range(24)])),
        r"at row 3 \(index \('a', 3\)\)",
    ),
    "one index for all": (spoiled(TEXTS, None).set_axis([7] * 24), r"at row 3 \(index 7\)"),
    "polars": (pl.Series([*TEXTS[:3], None, *TEXTS[4:]]), r"at row 3: got None"),
    "pyarrow": (pa.array([*TEXTS[:3], None, *TEXTS[4:]]), r"at row 3: got None"),
    "two missing texts": (spoiled(TEXTS, None).replace(TEXTS[5], None), "and [1-9] more"),
}


@pytest.mark.parametrize("case", BAD_X)
def test_missing_text_error_gives_row_and_index(case, classifier, fitted):
    X, message = BAD_X[case]
    for call in (lambda X: classifier.fit(X, LABELS), fitted.predict, fitted.encoder_.transform):
        with pytest.raises(ValueError, match=rf"^X has a missing value .*{message}"):
            call(X)


def test_after_a_split_the_index_leads_to_the_callers_own_row(classifier):
    X = spoiled(TEXTS, None)
    X_train, X_test, y_train, _ = train_test_split(X, LABELS, random_state=0)
    held = X_train if X_train.isna().any() else X_test
    with pytest.raises(ValueError, match=rf"at row {held.isna().argmax()} \(index 'ticket 3'\)"):
        classifier.fit(held, y_train[: len(held)])


@pytest.mark.parametrize(("value", "message"), [(3.5, "one str per row"), ("\ud800", "no valid Unicode")])
def test_non_text_error_gives_index(value, message, classifier):
    with pytest.raises((TypeError, ValueError), match=message) as raised:
        classifier.fit(spoiled(TEXTS, value), LABELS)
    assert "row 3 (index 'ticket 3')" in str(raised.value)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_missing_label_error_gives_index(dtype, classifier):
    with pytest.raises(ValueError, match="y has a missing label at row 3") as raised:
        classifier.fit(TEXTS, spoiled(LABELS, None, dtype))
    assert "row 3 (index 'ticket 3')" in str(raised.value)


def test_missing_indicator_error_gives_index_and_column(classifier):
    tags = TAGS.astype("Int64")
    tags.loc["ticket 3", "music"] = None
    with pytest.raises(ValueError, match="y has a missing label at row 3") as raised:
        classifier.fit(TEXTS, tags)
    assert "row 3 (index 'ticket 3'), column 'music'" in str(raised.value)


REFUSED = {
    "LazyFrame": (lambda: table("polars").lazy(), TypeError, r"got LazyFrame: .*Collect it first: X\.collect\(\)"),
    "two columns": (lambda: table()[["text", "place"]], ValueError, r"a frame of 2 columns \('text', 'place'\)"),
    "two columns of polars": (lambda: table("polars")[["text", "place"]], ValueError, "a frame of 2 columns"),
    "three columns of pyarrow": (lambda: table("pyarrow"), ValueError, r"3 columns \('n_words', 'text', 'place'\)"),
    "two of one name": (lambda: table()[["text", "text"]], ValueError, r"2 columns \('text', 'text'\)"),
    "no rows": (lambda: table()[["text"]][:0], ValueError, r"X is empty: at least one text is needed"),
    "no rows of polars": (lambda: table("polars")["text"][:0], ValueError, "X is empty"),
    "no rows of pyarrow": (lambda: table("pyarrow")["text"][:0], ValueError, "X is empty"),
    "no columns": (lambda: table()[[]], ValueError, r"a frame of 0 columns \(\)"),
    "no columns of polars": (pl.DataFrame, ValueError, r"a frame of 0 columns \(\)"),
    "a column of numbers": (lambda: table()["n_words"], TypeError, "must hold one str per row, got int at row 0"),
    "a column of lists": (lambda: pl.Series([[text] for text in TEXTS]), TypeError, "got list at row 0"),
    "a grouping": (lambda: table().groupby("place"), (TypeError, ValueError), "X must"),
    "an expression": (lambda: pl.col("text"), TypeError, "X must be a sequence of texts, got Expr"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_column_of_texts_is_refused_with_the_way_out(case, classifier, fitted):
    make, error, message = REFUSED[case]
    for call in (lambda X: classifier.fit(X, LABELS), fitted.predict, fitted.encoder_.transform):
        with pytest.raises(error, match=message):
            call(make())


def test_lazy_targets_are_to_be_collected(classifier):
    with pytest.raises(TypeError, match=r"y must be a sequence of labels, got LazyFrame: .*Collect it first: y\.coll"):
        classifier.fit(TEXTS, pl.from_pandas(TAGS).lazy())
