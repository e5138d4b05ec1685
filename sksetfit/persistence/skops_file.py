"""A fitted model in one skops file: data only, nothing in it runs when it is loaded.

skops imports torch, so it is imported inside the functions that need it.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sksetfit.persistence.archive import add_checksums, check_archive
from sksetfit.persistence.dict_keys import dicts_to_lists, lists_to_dicts
from sksetfit.persistence.schema import types_in, weights_in
from sksetfit.persistence.trust import trusted_types
from sksetfit.utils.files import atomic_write
from sksetfit.utils.large_arrays import read_in_parts, written_whole
from sksetfit.utils.memory import trim_memory


def dump(estimator: BaseEstimator, file: str | os.PathLike[str], *, compression: int = ZIP_STORED) -> None:
    """Write a fitted estimator to one skops file, whole or not at all.

    The file is written beside its place under another name and then renamed, so that a crash or a full disk leaves
    an older file as it was.

    Parameters
    ----------
    estimator : estimator
        A fitted `SetFitClassifier` or `SetFitEncoder`, or a scikit-learn estimator that holds one, such as a Pipeline.
    file : str or path
        Where to; by convention it ends in ``.skops``.
    compression : int, default=0
        How the file is packed, as in `zipfile`: ``ZIP_STORED`` (0) or ``ZIP_DEFLATED`` (8). Weights shrink by less than
        a tenth, in seconds, so that nothing is packed by default.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no estimator.
    ValueError
        If ``compression`` is something else, or what the estimator holds could not be written or read again.
    FileNotFoundError, IsADirectoryError
        If there is no such folder, or ``file`` is one.

    Warns
    -----
    UserWarning
        If the estimator holds types, such as trees, SVC or KNeighborsClassifier, that `load` will want to be named as
        trusted.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, dump, load
    >>> clf = SetFitClassifier(random_state=0)
    >>> clf.fit(["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
    SetFitClassifier(random_state=0)
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dump(clf, os.path.join(folder, "films.skops"))
    ...     again = load(os.path.join(folder, "films.skops"))
    >>> again.predict(["what a wonderful evening"])
    array(['good'], dtype='<U4')
    """
    if others := write_model(estimator, file, compression=compression):
        warnings.warn(f"To read {os.fspath(file)!r}, {advice_on(others)}", UserWarning, stacklevel=2)


def advice_on(types: list[str]) -> str:
    """Return what `load` wants where a file holds these types."""
    of_program = next((name for name in types if name.startswith("__main__.")), None)
    move = f" It finds {of_program!r} only in a program that defines it: move it to a module and fit again."
    return f"load() wants trusted={types}." + (move if of_program else "")


def write_model(estimator: BaseEstimator, file: str | os.PathLike[str], *, compression: int = ZIP_STORED) -> list[str]:
    """Do what `dump` does, and return the types that `load` will want to be named."""
    import skops.io

    from sksetfit.persistence.components import check_components

    check_savable(estimator, "dump(estimator, file) writes")
    check_components(estimator)
    if compression not in {ZIP_STORED, ZIP_DEFLATED}:
        raise ValueError(f"compression must be zipfile.ZIP_STORED or zipfile.ZIP_DEFLATED, got {compression!r}.")
    if os.path.isdir(file):
        raise IsADirectoryError(f"{os.fspath(file)!r} is a folder. Give the name of a file, e.g. 'model.skops' in it.")
    with atomic_write(file) as partial, partial.open("x+b") as stream:
        if os.path.exists(file):
            shutil.copymode(file, partial)
        try:
            with written_whole(stream, compression) as small:
                skops.io.dump(dicts_to_lists(estimator), small)
        except RecursionError as error:
            raise ValueError(
                "skops cannot write an estimator that holds itself, as metadata requests do (set_fit_request and its "
                "like). Fit it without them."
            ) from error
        try:
            others, _ = _types_and_weights(stream)  # and know that it can be read again
        except ValueError as error:
            raise ValueError(f"The estimator cannot be written so that load reads it: {error}.") from error
        if nameless := sorted(name for name in others if not _has_name(name)):
            raise ValueError(
                f"The estimator holds {nameless[0]!r}, which no file can hold: it has no name to import it by. Put a "
                f"function with def, or a class, at the top of a module in its place, and fit again."
            )
        add_checksums(stream)
        os.fsync(stream.fileno())
    return sorted(others)


def _has_name(name: str) -> bool:
    """Tell whether something can be imported by its name, as neither lambdas nor methods of built-in types can."""
    module, _, own = name.rpartition(".")
    return hasattr(sys.modules.get(module), own)


def check_savable(estimator: Any, does: str) -> None:
    """Refuse what is no fitted estimator, with the call that it was given to."""
    if not hasattr(estimator, "fit"):
        swapped = " Are the two swapped?" if isinstance(estimator, (str, os.PathLike)) else ""
        raise TypeError(f"{does} a fitted estimator, got {type(estimator).__name__}.{swapped}")
    check_is_fitted(estimator)


def load(file: str | os.PathLike[str], *, trusted: Iterable[str] | None = None, revision: str | None = None) -> Any:
    """Read an estimator from a file that `dump` wrote, or from the Hugging Face Hub. Nothing in the file is run.

    Parameters
    ----------
    file : str or path
        The file; or, with ``revision``, the name ``"owner/name"`` of a repository on the Hub.
    trusted : iterable of str or None, default=None
        Full names of further types that the file may hold: those of other packages, and those of scikit-learn whose
        arrays or patterns are not checked, such as trees, support vector machines and text vectorizers. `dump`
        names them. What is named here is not checked: look at its code, and at where the file is from.
    revision : str or None, default=None
        Which commit of the repository to read, as `push_to_hub` gave it. A branch or a tag will do as well, but may be
        another model tomorrow. None reads a file of this machine and asks no network.

    Returns
    -------
    estimator
        The fitted estimator, on this machine's device.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, was changed, or holds types that are not trusted; or if there is no such repository or
        revision, or none that the token of the environment may read.
    ConnectionError
        If the Hub cannot be reached.

    Warns
    -----
    UserWarning
        If another version of this package wrote the file; scikit-learn warns likewise of its own.

    See Also
    --------
    dump : Write the file.
    push_to_hub : Publish it on the Hub.

    Examples
    --------
    >>> import os, tempfile
    >>> from sksetfit import SetFitEncoder, dump, load
    >>> encoder = SetFitEncoder(max_steps=0).fit(["great film", "dull"], ["good", "bad"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dump(encoder, os.path.join(folder, "encoder.skops"))
    ...     load(os.path.join(folder, "encoder.skops"))
    SetFitEncoder(max_steps=0)
    """
    import skops.io

    from sksetfit.persistence.components import check_components, forget_machine

    named = _names_of(trusted)
    with _opened(file, revision) as stream:
        with _errors_naming(file):
            to_name, weights = _types_and_weights(stream)
        if not to_name <= named:
            unused = sorted(named - to_name)
            raise ValueError(
                f"{os.fspath(file)!r} holds types that are not trusted. If you know them and where the file is from: "
                f"load(..., trusted={sorted(to_name)})." + (f" It holds no {unused}, as passed." if unused else "")
            )
        trusted = sorted(named.union(*trusted_types().values()))
        with _errors_naming(file), read_in_parts(stream, weights) as small:
            estimator = lists_to_dicts(skops.io.load(small, trusted=trusted))
            if not isinstance(estimator, BaseEstimator):
                raise ValueError(f"it holds no estimator, but a {type(estimator).__name__}")
            check_is_fitted(estimator)
            check_components(estimator)
            forget_machine(estimator)
    trim_memory()
    return estimator


def _names_of(trusted: Iterable[str] | None) -> set[str]:
    if isinstance(trusted, (str, bytes)) or not isinstance(trusted, Iterable | None):
        raise TypeError(f"trusted must be a list of the full names of types, got {trusted!r}. Put a name in a list.")
    names = [] if trusted is None else list(trusted)
    if others := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"trusted must hold the full names of types as text, got {others[0]!r} in it.")
    return set(names)


def _types_and_weights(stream: BinaryIO) -> tuple[set[str], set[str]]:
    """Check a file before anything is built of it.

    Return the types in it that are not taken without question, and the members that are weights.
    """
    schema = check_archive(stream)
    return types_in(schema, trusted_types()), weights_in(schema)


def _opened(file: str | os.PathLike[str], revision: str | None) -> BinaryIO:
    name = os.fspath(file)
    if revision is not None:
        if os.path.isfile(file):
            raise ValueError(f"{name!r} is a file of this machine, which has no revision. Leave revision out.")
        from sksetfit.utils.hub_client import MODEL_FILE, fetch_file

        return open(fetch_file(name, MODEL_FILE, revision=revision), "rb")
    if os.path.isdir(file):
        raise IsADirectoryError(f"{name!r} is a folder. load reads a file; read_setfit reads a folder of setfit.")
    if not os.path.exists(file):
        raise FileNotFoundError(
            f"There is no file {name!r}. For a model on the Hugging Face Hub give its name and which commit: "
            f"load('owner/name', revision=...)."
        )
    return open(file, "rb")


@contextmanager
def _errors_naming(file: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in whatever skops and the readers below it raise at a damaged one."""
    name = repr(os.fspath(file))
    try:
        yield
    except Warning:  # is an error only because the caller wants it to be
        raise
    except ModuleNotFoundError as error:
        raise ValueError(f"{name} needs the module {error.name!r}, which is not installed here.") from error
    except Exception as error:
        if isinstance(error, AttributeError) and str(error).startswith("module "):  # which lacks what the file names
            raise ValueError(f"{name} could not be read: {error}. Define it there before load.") from error
        told = isinstance(error, (ValueError, BadZipFile))
        why = error if told else f"{type(error).__name__}: {error}"
        raise ValueError(f"{name} is no sksetfit model, or is damaged: {why}") from error
