"""A fitted model on the Hugging Face Hub: the file, its card and what it was made with, in one commit."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from sksetfit._version import versions
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.hub.model_card import model_card
from sksetfit.persistence.skops_file import advice_on, check_savable, write_model

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, ModelCard


def push_to_hub(
    clf: BaseEstimator,
    repo_id: str,
    *,
    card: str | ModelCard | None = None,
    private: bool = True,
    commit_message: str = "Push a sksetfit model",
) -> CommitInfo:
    """Publish a fitted estimator on the Hugging Face Hub, in one commit.

    The repository gets three files: ``model.skops``, the file of `dump`; ``README.md``, the card; and
    ``requirements.txt``, the versions that the model was saved with. All of them arrive, or none.

    The token is that of the environment (``HF_TOKEN``) or of ``hf auth login``, and must be allowed to write. It goes
    to the Hub only.

    Parameters
    ----------
    clf : estimator
        A fitted `SetFitClassifier` or `SetFitEncoder`, or a scikit-learn estimator that holds one, such as a Pipeline.
    repo_id : str
        Where to, ``"owner/name"``. It is made where it does not exist; otherwise its files are replaced, and the
        older ones stay in its history.
    card : str, ModelCard or None, default=None
        The text of ``README.md``. None writes one for a `SetFitClassifier`; other estimators want one given.
    private : bool, default=True
        Keep the repository to its owner. What was once public cannot be taken back, and a model has seen all its
        texts, so that publishing is left to be asked for. A repository that exists stays what it is; a public one
        is refused unless this is False.
    commit_message : str, default='Push a sksetfit model'
        The title of the commit.

    Returns
    -------
    CommitInfo
        What the Hub says of the commit. Its ``oid`` is the revision that always loads this model.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no estimator, or another argument is of a wrong type.
    ValueError
        If ``repo_id`` has another form, a card is missing, or the Hub refuses: without a token that may write, after
        a commit of somebody else meanwhile, or for a repository that is public though ``private``.
    ConnectionError
        If the Hub cannot be reached or breaks off. The repository is then as it was; a new one may stay empty.

    Warns
    -----
    UserWarning
        If the estimator holds types that `load` will want to be named as trusted, or the Hub misses something in the
        card.

    See Also
    --------
    dump : Write the file alone.
    load : Read the model from the Hub, or from a file.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, load, push_to_hub
    >>> clf = SetFitClassifier(random_state=0)
    >>> clf.fit(["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
    SetFitClassifier(random_state=0)
    >>> info = push_to_hub(clf, "owner/films")  # doctest: +SKIP
    >>> again = load("owner/films", revision=info.oid)  # doctest: +SKIP
    """
    from sksetfit.utils.hub_client import MODEL_FILE, check_repo_id, publish

    _check_arguments(clf, private, commit_message)
    check_repo_id(repo_id)
    text = _card_text(clf, card, repo_id)
    with TemporaryDirectory() as folder:
        others = write_model(clf, Path(folder, MODEL_FILE))
        Path(folder, "README.md").write_text(text, encoding="utf-8", newline="\n")
        Path(folder, "requirements.txt").write_text(_requirements(), encoding="utf-8", newline="\n")
        info = publish(folder, repo_id, private=private, commit_message=commit_message)
    if others:
        warnings.warn(f"To read it, {advice_on(others)}", UserWarning, stacklevel=2)
    return info


def _check_arguments(clf: BaseEstimator, private: bool, commit_message: str) -> None:
    check_savable(clf, "push_to_hub(clf, repo_id) publishes")
    if not isinstance(private, bool):  # None would mean public to the Hub
        raise TypeError(f"private must be True or False, got {private!r}.")
    if not isinstance(commit_message, str):
        raise TypeError(f"commit_message must be a string, got {commit_message!r}.")
    if not commit_message.strip():
        raise ValueError(f"commit_message must be the title of the commit, got {commit_message!r}.")


def _card_text(clf: BaseEstimator, card: str | ModelCard | None, repo_id: str) -> str:
    from huggingface_hub import ModelCard

    if card is None and not isinstance(clf, HeadOnEmbeddings):
        raise ValueError(
            f"card=None writes the card of a SetFitClassifier, and clf is a {type(clf).__name__}. Give its card, a "
            f"text in Markdown, as card=."
        )
    if card is None:
        card = model_card(clf, repo_id=repo_id)
    if not isinstance(card, (str, ModelCard)):
        raise TypeError(f"card must be a string, a huggingface_hub.ModelCard or None, got {type(card).__name__}.")
    if isinstance(card, str) and card.endswith(".md") and "\n" not in card:
        raise ValueError(f"card must be the text of the card, and {card!r} looks like its file. Read the file first.")
    return str(card)


def _requirements() -> str:
    """Return the versions to install for the same answers, without what names a build, as in 2.10.0+cpu."""
    return "".join(f"{name}=={number.partition('+')[0]}\n" for name, number in versions().items())
