"""
A search with Optuna
====================

Optuna proposes the next trial from the scores of those before. ``OptunaSearchCV`` of the package optuna-integration
(``pip install optuna-integration``) searches :class:`~sksetfit.SetFitClassifier` over body and head together. Bodies
from few choices and ``memory`` make it cheap: a trial whose body was tuned before fits a head only.
"""

# %%
# Sixteen labelled texts of each class are for the search, or two thirds if most classes have fewer than 24. The
# others are for the test. Classes of a single text are left out, because it cannot be in both folds of the search.
# ``--verbose`` shows a line per trial.

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna_integration import OptunaSearchCV
from own_data import example_parser, n_to_train, read_texts
from sklearn.model_selection import StratifiedKFold

from sksetfit import FewShotSplit, SetFitClassifier

parser = example_parser(__doc__)
parser.add_argument("--trials", type=int, default=10, help="how many candidates to try (%(default)s)")
parser.add_argument("--verbose", action="store_true", help="show what Optuna logs")
options = parser.parse_args()
X, y = (column.to_numpy() for column in read_texts(options, at_least=2))
train, test = next(FewShotSplit(n_to_train(y, 16, at_least=2), too_few="take_all", random_state=0).split(X, y))
print(f"{len(train)} texts of {len(np.unique(y))} classes to search on, {len(test)} to test on")

optuna.logging.set_verbosity(optuna.logging.INFO if options.verbose else optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # of OptunaSearchCV
warnings.filterwarnings("ignore", message="`optuna.terminator`", category=FutureWarning)  # of how it reports scores

# %%
# The space
# ---------
# Few values for what decides the body, so that several trials share one. ``"auto"`` is the default of both parameters,
# and the first trial has it, so the best score is no worse than that of the defaults on the same folds.
#
# The defaults are fitted first, to compare with. That also shows what cannot be fitted at all, such as a ``--model``
# that is not there: ``OptunaSearchCV`` takes a ValueError for a trial of no score and goes on.

space = {
    "learning_rate": CategoricalDistribution(["auto", 5e-5, 2e-4]),
    "head__C": CategoricalDistribution(["auto", 0.1, 1, 10, 100]),
}
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(n_startup_trials=5, seed=0))
study.enqueue_trial({"learning_rate": "auto", "head__C": "auto"})

cv = StratifiedKFold(n_splits=2, shuffle=True, random_state=0)
with tempfile.TemporaryDirectory() as folder:
    clf = SetFitClassifier(options.model, memory=folder, random_state=0).fit(X[train], y[train])
    search = OptunaSearchCV(clf, space, cv=cv, study=study, n_trials=options.trials).fit(X[train], y[train])
    n_tunings = len(list(Path(folder).rglob("output.pkl")))

# %%
# What was found
# --------------

trials = search.trials_dataframe().set_index("number")
columns = {f"params_{name}": name for name in space} | {"value": "accuracy"}
print(trials[list(columns)].rename(columns=columns).to_string(float_format="{:.4g}".format))
print(f"\n{len(trials) * cv.n_splits + 2} fits, {n_tunings} bodies tuned")
print(f"best parameters: {search.best_params_}")
print(f"accuracy in the folds {search.best_score_:.1%}, on test texts {search.score(X[test], y[test]):.1%}")
print(f"accuracy of the defaults on test texts {clf.score(X[test], y[test]):.1%}")

# %%
# The score of each trial, and the best so far. The best of several scores is partly luck: :doc:`/searches` says how
# much, and from how many texts on a search pays.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(trials.index, trials["value"], "o", label="a trial")
ax.step(trials.index, trials["value"].cummax(), where="post", label="the best so far")
ax.set(xlabel="Trial", ylabel="Mean accuracy over the folds", title="Trials in their order")
ax.set_xticks(trials.index)
ax.legend()
plt.show()
