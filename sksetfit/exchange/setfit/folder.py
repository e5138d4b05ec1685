"""Write a fitted classifier as a folder of setfit, and read such a folder.

torch and sentence-transformers take seconds to import, so they are imported inside the functions that need them.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from sksetfit.classifier import SetFitClassifier
from sksetfit.encoder import ENCODER_PARAMS, body_of, fitted_encoder
from sksetfit.exchange.setfit.heads import head_from_setfit, plain_sklearn_head, relabelled_head
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.training.callbacks import TrainingState
from sksetfit.utils.files import free_place, new_folder

if TYPE_CHECKING:
    from sksetfit.body.model import Body

HEAD, CONFIG, NORMALIZE = "model_head.pkl", "config_setfit.json", "normalize_embeddings"


def write_setfit(clf: HeadOnEmbeddings, folder: str | os.PathLike[str]) -> None:
    """Write a fitted classifier as a folder that setfit loads.

    ``SetFitModel.from_pretrained(folder)`` of setfit then gives equal predictions and probabilities, and
    ``SentenceTransformer(folder)`` the embeddings, except of texts that are read in windows (``long_texts="windows"``):
    both cut them at the maximum sequence length. The folder is written beside its place under another name and then
    renamed, so that a crash or a full disk leaves nothing half-written.

    Parameters
    ----------
    clf : SetFitClassifier or DistilledSetFitClassifier
        A fitted classifier. Its head is written as a pickle, as setfit requires. Reading it needs scikit-learn and the
        package of the head, but not this one: a `TorchHead` becomes a `LogisticRegression`.
    folder : str or path
        Where to; it must not exist yet, or be empty.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If it is no SetFitClassifier.
    FileNotFoundError, FileExistsError
        If there is no such parent folder, or something is at ``folder`` already.
    ValueError
        If the labels are str in an object array, which setfit cannot predict, and the labels of this kind of head
        cannot be exchanged.

    Warns
    -----
    UserWarning
        If the classifier was fitted on texts that it reads in windows.

    See Also
    --------
    read_setfit : Read such a folder.
    dump : Keep a classifier in one file whose reading runs nothing.

    Notes
    -----
    With the strategy "multi-output" setfit returns the probabilities of both 0 and 1, in a third dimension. It computes
    embeddings in float32, independent of ``precision`` and ``backend`` of the classifier.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, write_setfit
    >>> clf = SetFitClassifier(random_state=0)
    >>> clf.fit(["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
    SetFitClassifier(random_state=0)
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     write_setfit(clf, os.path.join(parent, "films"))
    ...     os.path.isfile(os.path.join(parent, "films", "model_head.pkl"))
    True
    """
    from sksetfit.body.saving.export import write_body

    if not isinstance(clf, HeadOnEmbeddings):
        raise TypeError(
            f"write_setfit(clf, folder) writes a fitted SetFitClassifier, got {type(clf).__name__}. Are the two "
            f"swapped? Of an estimator that holds a classifier, give that one."
        )
    check_is_fitted(clf)
    place = free_place(folder)
    head, labels = plain_sklearn_head(clf.head_), clf.classes_.tolist() if clf.classes_.dtype.kind in "UO" else None
    if clf.classes_.dtype.kind == "O":
        head = relabelled_head(head, np.array(labels), body_of(clf.encoder_).n_dimensions)
    body = body_of(clf.encoder_)
    if body.long_texts == "windows" and body.n_long_texts:
        warnings.warn(
            f"This classifier was fitted on {body.n_long_texts} texts of more than {body.max_seq_length} tokens, which "
            f'it reads in windows (long_texts="windows"). setfit and sentence-transformers cut them at '
            f"{body.max_seq_length} tokens: predictions of such texts differ. Fit with "
            f'long_texts="truncate" for equal ones.',
            UserWarning,
            stacklevel=2,
        )
    with new_folder(place) as partial:
        write_body(body, partial)
        joblib.dump(head, partial / HEAD)
        config = {"labels": labels, NORMALIZE: False}
        (partial / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")


def read_setfit(
    folder_or_hub_name: str | os.PathLike[str],
    *,
    trust_pickle: bool = False,
    revision: str | None = None,
    device: str | None = None,
) -> SetFitClassifier:
    """Read a model that setfit saved, as a fitted classifier.

    Parameters
    ----------
    folder_or_hub_name : str or path
        The folder that ``SetFitModel.save_pretrained`` wrote, or the model's name on the Hugging Face Hub.
    trust_pickle : bool, default=False
        The head of such a model is a pickle, and reading a pickle runs whatever code is in it. True says that the
        model is from those you trust; without it nothing is read or fetched.
    revision : str or None, default=None
        A branch, tag or commit of the model on the Hub. None takes its newest.
    device : str or None, default=None
        A torch device such as "cpu" or "cuda:1", as the classifier's parameter. None takes a GPU where there is one.

    Returns
    -------
    SetFitClassifier
        The fitted classifier. Its labels and probabilities are those of setfit; `dump` saves it in a file without a
        pickle. Fitting it again starts from the body in the folder, without the normalisation of setfit.

    Raises
    ------
    ValueError
        If ``trust_pickle`` is not True, there is no such model, or it holds what this package does not have.
    TypeError
        If ``trust_pickle`` is no bool.

    Warns
    -----
    InconsistentVersionWarning
        By scikit-learn, if the head was saved by another version of it.
    UserWarning
        If the model's labels are not sorted, and its head is of a kind whose classes cannot be.

    See Also
    --------
    write_setfit : Write such a folder.
    load : Read what `dump` wrote; nothing in it is run.

    Notes
    -----
    The columns of probabilities are those of ``classes_``, which are sorted; setfit orders them as the ``labels`` of
    its model. Long texts are truncated as in setfit (``long_texts="truncate"``). A torch head becomes a
    `LogisticRegression` with the same weights; to read it, setfit must be installed. The training data is unknown, so
    ``encoder_`` has no ``class_count_`` and ``word_counts_``.

    Examples
    --------
    >>> import os, tempfile
    >>> from sksetfit import SetFitClassifier, read_setfit, write_setfit
    >>> clf = SetFitClassifier(max_steps=0).fit(["great film", "loved it", "dull"], ["good", "good", "bad"])
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     write_setfit(clf, os.path.join(parent, "films"))
    ...     again = read_setfit(os.path.join(parent, "films"), trust_pickle=True)
    >>> again.predict(["what a great evening"])
    array(['good'], dtype='<U4')
    """
    from sksetfit.body.loading.load import load_body
    from sksetfit.training.plan import TrainingConfig, plan_of

    name = os.fsdecode(folder_or_hub_name)
    _check_trust(trust_pickle, name)
    folder = _resolve_source(name, revision)
    labels, normalize = _read_config(folder)
    head = _read_head(folder, name)
    body = load_body(folder, for_classification=False, device=device)  # of prompts the reference takes the default
    if normalize:
        _append_normalize(body)
    strategy, inner, answering, classes = head_from_setfit(head, labels, body.n_dimensions, name)
    model = os.path.abspath(name) if os.path.isdir(name) else name  # a later fit may be elsewhere
    clf = SetFitClassifier(
        model,
        revision=revision,
        head=inner,
        multi_target_strategy=strategy,
        long_texts="truncate",
        device=device,
    )
    params = {name: getattr(clf, name) for name in ENCODER_PARAMS}
    plan = plan_of(TrainingConfig.from_params(params), body, 0, len(classes), float, warm=False, names_only=True)
    result = TrainingState(body, {}, plan).result()
    clf.encoder_ = fitted_encoder(params, result)
    clf.n_steps_, clf.loss_curve_, clf.learning_rate_ = 0, result.loss_curve, plan.learning_rate
    clf.validation_steps_, clf.validation_scores_ = result.validation_steps, result.validation_scores
    clf.classes_, clf.head_ = classes, answering
    return clf


def _check_trust(trust_pickle: bool, name: str) -> None:
    if not isinstance(trust_pickle, bool):
        raise TypeError(f"trust_pickle must be True or False, got {trust_pickle!r}.")
    if not trust_pickle:
        raise ValueError(
            f"{name!r} was not read: the head of a model of setfit is a pickle ({HEAD}), and reading a pickle runs "
            f"whatever code is in it. If the model is from those you trust: read_setfit({name!r}, trust_pickle=True). "
            f"dump(clf, file) then keeps the classifier in a file that load reads without running anything."
        )


def _resolve_source(name: str, revision: str | None) -> Path:
    """Return the folder of the model, fetched from the Hub where there is no such folder."""
    if os.path.isdir(name):
        if revision is not None:
            raise ValueError(f"revision={revision!r} is for models on the Hub, and {name!r} is a folder. Leave it out.")
        return Path(name)
    from sksetfit.utils.hub_client import fetch_folder

    try:
        return Path(fetch_folder(name, revision=revision, ignore=["onnx/*", "openvino/*"]))
    except (ValueError, ConnectionError) as error:
        raise type(error)(f"{name!r} was not found. There is no such folder, and {error}") from None


def _read_config(folder: Path) -> tuple[list[Any] | None, bool]:
    """Return the labels, None where there are none, and whether embeddings are made unit length."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:  # the first versions of setfit wrote none
        return None, False
    except ValueError as error:
        raise ValueError(f"{str(folder / CONFIG)!r} is no JSON: {error}. Fetch or save the model again.") from error
    labels, normalize = (config.get(key) if isinstance(config, dict) else config for key in ("labels", NORMALIZE))
    if not isinstance(labels, (list, type(None))) or not isinstance(normalize, (bool, type(None))):
        raise ValueError(
            f"{str(folder / CONFIG)!r} must have a list of labels or null, and true or false for {NORMALIZE}, got "
            f"{labels!r} and {normalize!r}."
        )
    return labels or None, bool(normalize)


def _append_normalize(body: Body) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    body.tail.append(Normalize())


def _read_head(folder: Path, name: str) -> Any:
    """Unpickle the head."""
    if not (folder / HEAD).is_file():
        raise ValueError(
            f"{name!r} has no trained head: there is no {HEAD} in it. If it is a Sentence Transformer, give it as "
            f"SetFitClassifier({name!r}) and fit that."
        )
    try:
        return joblib.load(folder / HEAD)
    except (OSError, Warning):  # a warning is raised where the caller wants it to be
        raise
    except ModuleNotFoundError as error:
        raise ValueError(
            f"The head of {name!r} needs the module {error.name!r}, which is not installed. Install the package that "
            f"it is of, in the version that the head was saved with."
        ) from error
    except Exception as error:  # a damaged pickle raises whatever its bytes make it raise
        raise ValueError(
            f"The head of {name!r} could not be read ({type(error).__name__}: {error}). Either {HEAD} is damaged, "
            f"or it was saved with other versions of its packages than the ones installed here."
        ) from error
