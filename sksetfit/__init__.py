"""Few-shot text classification with scikit-learn estimators.

`SetFitClassifier` learns from about eight labelled texts per class, `SetFitEncoder` is its tuned Sentence Transformer
alone, `dump` and `load` keep a fitted one in a file, and `load_tickets` gives texts to try it on.
"""

# Importing torch, sentence-transformers or skops (which imports torch) takes seconds, so `import sksetfit` does
# without. There is one way that this is done: they are imported at the top of the rooms of floor 1 only, and those
# rooms and skops are imported inside the functions of _encoder and _persistence.

from sksetfit._classifier import SetFitClassifier
from sksetfit._datasets import load_tickets
from sksetfit._encoder import SetFitEncoder
from sksetfit._persistence import dump, load

__version__ = "0.1.0.dev0"

__all__ = ["SetFitClassifier", "SetFitEncoder", "dump", "load", "load_tickets"]
