"""
A column of text in a tabular pipeline
======================================

This example adds a column of text to a pipeline that scales numbers and encodes categories.
:class:`~sksetfit.SetFitEncoder` converts the text to embeddings, in the same
:class:`~sklearn.compose.ColumnTransformer`. Cross-validation measures the gain of the text and chooses its weight.
"""

# %%
# The table: all columns of numbers and those of few values are used, or those that you name. Name them if one gives the
# label away, such as a code of the class or a date that is only known once the case is closed.
#
# The tickets have a text, a category, which is to be predicted, and tags, of which columns are made here.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from own_data import example_parser, n_to_test, n_to_train, need_column, read_table
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sksetfit import FewShotSplit, SetFitEncoder

parser = example_parser(__doc__)
parser.add_argument("--columns", nargs="+", metavar="COLUMN", help="those to use beside the text; otherwise all")
options = parser.parse_args()

table = read_table(options)
if options.data is None:
    tags = table.pop("tags").str.get_dummies(";")
    table["length"] = table["text"].str.len()
    table["n_tags"] = tags.sum(axis="columns")
    table["priority"] = tags["urgent"].map({0: "normal", 1: "urgent"})
    table["customer"] = tags["business_customer"].map({0: "private", 1: "business"})
    table["device"] = tags["mobile"].map({0: "desktop", 1: "mobile"})

y = table[options.label]
n_most = n_to_train(y, 8, at_least=2)
for name in options.columns or []:
    need_column(table, "--columns", name, options.data)
columns = table[options.columns] if options.columns else table.drop(columns=[options.text, options.label])
numbers = columns.select_dtypes("number").columns.tolist()
categories = [name for name in columns if name not in numbers and (options.columns or columns[name].nunique() <= 20)]
if not numbers + categories:
    raise SystemExit("The table has no column of numbers or of at most 20 values beside its text and label.")
print(f"{len(table)} rows, {y.nunique()} classes")
print(f"numbers:    {', '.join(numbers)}")
print(f"categories: {', '.join(categories)}")

# %%
# The pipeline as it was
# ----------------------

scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
existing = [("numbers", scaled, numbers), ("categories", OneHotEncoder(handle_unknown="ignore"), categories)]
columns_alone = make_pipeline(ColumnTransformer(existing), LogisticRegression(max_iter=1000))

# %%
# The text put in
# ---------------
# An embedding has length 1, so that each of its hundreds of numbers is small, while a scaled number has a spread of 1
# by itself. A linear model regularises both alike, which lets the columns prevail; ``transformer_weights`` gives the
# text more weight. Columns alone and text alone are the two ends.
#
# The encoder is tuned on the labels of the training rows, within the pipeline. With ``memory`` all models find the same
# tuned body again, as they train on the same rows.

folder = tempfile.TemporaryDirectory()
text = ("text", SetFitEncoder(options.model, memory=folder.name, random_state=0), options.text)

models = {"columns alone": columns_alone}
for weight in [1, 3, 10]:
    both = ColumnTransformer([*existing, text], transformer_weights={"text": weight})
    models[f"both, text times {weight}"] = make_pipeline(both, LogisticRegression(max_iter=1000))
models["text alone"] = make_pipeline(ColumnTransformer([text]), LogisticRegression(max_iter=1000))

# %%
# Compare
# -------
# Each split trains on eight rows of each class, or on two thirds if most classes have fewer than 12, and tests on
# three tenths of all rows.

cv = FewShotSplit(n_most, n_splits=5, test_size=n_to_test(y, n_most), too_few="take_all", random_state=0)
scores = pd.DataFrame({name: cross_val_score(model, table, y, cv=cv) for name, model in models.items()})
n_tunings = len(list(Path(folder.name).rglob("output.pkl")))
folder.cleanup()

print(f"{(len(models) - 1) * cv.n_splits} fits with text, for which {n_tunings} bodies were tuned\n")
print("accuracy              mean   standard deviation")
for name in scores:
    print(f"{name:20} {scores[name].mean():6.1%}   {scores[name].std():6.1%}")

# %%
# A bar is the mean, a point one split. Of a ticket's category these columns say next to nothing, and cost accuracy
# unless the text outweighs them; columns that tell the class want a lower weight. It is one more parameter to choose,
# by a grid over ``columntransformer__transformer_weights`` and not by these scores. With ``memory`` such a grid tunes
# one body per fold, however many weights it has.

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh(scores.columns, scores.mean(), height=0.6, color="C0", alpha=0.5)
ax.plot(scores.T, scores.columns, ".", color="black")
ax.invert_yaxis()
ax.set(xlabel="Accuracy", title="Columns, text, and both")
plt.show()
