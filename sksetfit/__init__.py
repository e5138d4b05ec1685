"""Few-shot text classification with scikit-learn estimators.

`SetFitClassifier` learns from about eight labelled texts per class, and `SetFitEncoder` is its tuned Sentence
Transformer alone. `dump` and `load` keep a fitted one in a file, `push_to_hub` shares it with its `model_card`,
`read_setfit` and `write_setfit` exchange it with the reference, and `load_tickets` gives texts to try it on.
`MultiLabelThresholdClassifier` finds a threshold for each label and `RejectClassifier` one below which there is no
answer, of any classifier. `DistilledSetFitClassifier` is a smaller model that learned from a fitted one. `FewShotSplit`
cross-validates with a few texts of each class, and `make_templated_texts` makes texts of class names alone. `TorchHead`
is a head of any loss of torch that tunes the body as well. `TuningCurveDisplay`, `EmbeddingsDisplay` and
`RiskCoverageDisplay` draw.
"""

# Importing torch, sentence-transformers or skops (which imports torch) takes seconds, so `import sksetfit` does
# without. There is one way that this is done: they are imported at the top of the rooms of floor 1 only, and those
# rooms and skops are imported inside the functions of the rooms above them.

import typing

from sksetfit._classifier import SetFitClassifier
from sksetfit._datasets import load_tickets
from sksetfit._distillation import DistilledSetFitClassifier
from sksetfit._embeddings_display import EmbeddingsDisplay
from sksetfit._encoder import SetFitEncoder
from sksetfit._few_shot_split import FewShotSplit
from sksetfit._model_card import model_card
from sksetfit._persistence import dump, load
from sksetfit._reject import RejectClassifier
from sksetfit._risk_coverage import RiskCoverageDisplay
from sksetfit._setfit_format import read_setfit, write_setfit
from sksetfit._sharing import push_to_hub
from sksetfit._templates import make_templated_texts
from sksetfit._thresholds import MultiLabelThresholdClassifier
from sksetfit._torch_head import TorchHead
from sksetfit._tuning_curve import TuningCurveDisplay
from sksetfit._version import __version__ as __version__

if not typing.TYPE_CHECKING:  # because to a type checker it would mean that any name may be imported
    from sksetfit._setfit_names import refuse_name as __getattr__  # noqa: F401

del typing  # which is no name of this package

__all__ = [
    "DistilledSetFitClassifier",
    "EmbeddingsDisplay",
    "FewShotSplit",
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
    "write_setfit",
]
