"""Few-shot text classification with scikit-learn estimators.

`SetFitClassifier` trains on about eight labelled texts per class, and `SetFitEncoder` is its fine-tuned Sentence
Transformer. `dump` and `load` save a fitted estimator in a file, `push_to_hub` publishes it with its `model_card`,
`read_setfit` and `write_setfit` exchange models with setfit, `write_onnx` writes a folder that predicts without torch,
and `load_tickets` returns example texts.
`MultiLabelThresholdClassifier` finds a threshold for each label, and `RejectClassifier` rejects predictions below a
threshold; both wrap any classifier. `DistilledSetFitClassifier` is a smaller student of a fitted classifier.
`FewShotSplit` cross-validates with a few texts of each class, and `make_templated_texts` makes texts of class names
alone. `LogisticRegressionHead` is the default head, and `TorchHead` a head with any loss of torch that also trains the
body. `TuningCurveDisplay`, `EmbeddingsDisplay` and `RiskCoverageDisplay` plot.
"""

# Importing torch, sentence-transformers or skops (which imports torch) takes seconds, and `import sksetfit` does not do
# it. Only the modules for which pyproject.toml ignores ruff's TID253 import them at the top, and all other modules
# import those inside functions.

import sys
import typing

from sksetfit._version import __version__ as __version__
from sksetfit.classifier import SetFitClassifier
from sksetfit.datasets.tickets import load_tickets
from sksetfit.distillation import DistilledSetFitClassifier
from sksetfit.encoder import SetFitEncoder
from sksetfit.exchange.onnx.folder import write_onnx
from sksetfit.exchange.setfit.folder import read_setfit, write_setfit
from sksetfit.heads.default import LogisticRegressionHead
from sksetfit.heads.torch_head import TorchHead
from sksetfit.hub.model_card import model_card
from sksetfit.hub.push import push_to_hub
from sksetfit.inputs.templates import make_templated_texts
from sksetfit.model_selection.few_shot_split import FewShotSplit
from sksetfit.model_selection.reject import RejectClassifier
from sksetfit.model_selection.thresholds import MultiLabelThresholdClassifier
from sksetfit.persistence import estimator_state
from sksetfit.persistence.skops_file import dump, load
from sksetfit.plotting.embeddings import EmbeddingsDisplay
from sksetfit.plotting.risk_coverage import RiskCoverageDisplay
from sksetfit.plotting.tuning_curve import TuningCurveDisplay
from sksetfit.utils import forks  # which takes note of forks from here on

if not typing.TYPE_CHECKING:  # because to a type checker it would mean that any name may be imported
    from sksetfit.exchange.setfit.names import refuse_name as __getattr__  # noqa: F401

sys.modules["sksetfit._estimator_state"] = estimator_state  # the name in pickles of 0.1.0

del estimator_state, forks, sys, typing  # which are no names of this package

__all__ = [
    "DistilledSetFitClassifier",
    "EmbeddingsDisplay",
    "FewShotSplit",
    "LogisticRegressionHead",
    "MultiLabelThresholdClassifier",
    "RejectClassifier",
    "RiskCoverageDisplay",
    "SetFitClassifier",
    "SetFitEncoder",
    "TorchHead",
    "TuningCurveDisplay",
    "dump",
    "load",
    "load_tickets",
    "make_templated_texts",
    "model_card",
    "push_to_hub",
    "read_setfit",
    "write_onnx",
    "write_setfit",
]
