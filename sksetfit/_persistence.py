"""A fitted model in one skops file: data only, nothing in it runs when it is loaded.

Beside floor 3: knows floor 3 and below. skops imports torch, so it is imported where it is used (see ``__init__``).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

TRUSTED_TYPES = (
    "sksetfit.SetFitClassifier",
    "sksetfit.SetFitEncoder",
    # Of scikit-learn, beyond its estimators, which skops trusts itself: classes in Python that do nothing when built.
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)

# Weights shrink by less than a tenth; what grows twentyfold and beyond this many bytes was made to fill the memory.
_MOST_EXPANSION, _ALWAYS_ALLOWED = 20, 100_000_000


def dump(estimator: BaseEstimator, file: str | os.PathLike[str], *, compress: bool = False) -> None:
    """Write a fitted estimator to one skops file, whole or not at all.

    The file is written beside its place under another name and then renamed, so that a crash or a full disk leaves
    an older file as it was.

    Parameters
    ----------
    estimator : estimator
        A fitted `SetFitClassifier` or `SetFitEncoder`, or a scikit-learn estimator that holds one, such as a Pipeline.
    file : str or path
        Where to; by convention it ends in ``.skops``.
    compress : bool, default=False
        Deflate the file. Weights shrink by less than a tenth and take seconds, so it is off.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no estimator.
    FileNotFoundError, IsADirectoryError
        If there is no such folder, or ``file`` is one.

    Warns
    -----
    UserWarning
        If the estimator holds types, such as compiled trees, that `load` will want to be named as trusted.

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
    import skops.io

    if not hasattr(estimator, "fit"):
        raise TypeError(
            f"dump(estimator, file) writes a fitted estimator, got {type(estimator).__name__}. Are the two swapped?"
        )
    check_is_fitted(estimator)
    file = Path(file).resolve()  # so that a link keeps pointing to what is written
    if not file.parent.is_dir():
        raise FileNotFoundError(f"{str(file)!r} cannot be written: there is no folder {str(file.parent)!r}.")
    if file.is_dir():
        raise IsADirectoryError(f"{str(file)!r} is a folder. Give the name of a file, e.g. 'model.skops' in it.")
    # Not through tempfile, whose files only their owner may read.
    partial = file.with_name(f".{uuid4().hex}.partial")
    try:
        with partial.open("xb") as stream:
            skops.io.dump(estimator, stream, compression=ZIP_DEFLATED if compress else ZIP_STORED)
            stream.flush()
            os.fsync(stream.fileno())
        others = sorted(set(skops.io.get_untrusted_types(file=partial)) - set(TRUSTED_TYPES))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    if others:
        warnings.warn(f"To read {os.fspath(file)!r}, load() wants trusted={others}.", UserWarning, stacklevel=2)


def load(file: str | os.PathLike[str], *, trusted: tuple[str, ...] | list[str] = ()) -> Any:
    """Read an estimator from a file that `dump` wrote. Nothing in the file is run.

    Parameters
    ----------
    file : str or path
        The file.
    trusted : sequence of str, default=()
        Full names of further types that the file may hold: those of other packages, and the compiled ones of
        scikit-learn, such as trees, which can crash on bad data. `dump` names them. Look at their code first.

    Returns
    -------
    estimator
        The fitted estimator, on this machine's device.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or holds types that are not trusted.

    See Also
    --------
    dump : Write the file.

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

    if isinstance(trusted, (str, bool)):
        raise TypeError(f"trusted must be a list of the full names of types, got {trusted!r}.")
    all_trusted = {*TRUSTED_TYPES, *trusted}
    with _naming_in_errors(file):
        _check_expansion(file)
        unknown = set(skops.io.get_untrusted_types(file=file)) - all_trusted
    if unknown:
        raise ValueError(
            f"{os.fspath(file)!r} holds types that are not trusted. If you know them and where the file is from: "
            f"load({os.fspath(file)!r}, trusted={sorted(unknown)})."
        )
    with _naming_in_errors(file):
        return skops.io.load(file, trusted=sorted(all_trusted))


def _check_expansion(file: str | os.PathLike[str]) -> None:
    """Refuse a small archive of endless content before any of it is unpacked."""
    with ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    packed = os.path.getsize(file)
    if unpacked > _ALWAYS_ALLOWED + _MOST_EXPANSION * packed:
        raise ValueError(f"its {packed} bytes would unpack to {unpacked}")


@contextmanager
def _naming_in_errors(file: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in whatever skops and the readers below it raise at a damaged one."""
    try:
        yield
    except OSError:  # there is no such file, or it may not be read; its message names it
        raise
    except Exception as error:
        told = isinstance(error, (ValueError, BadZipFile))
        why = error if told else f"{type(error).__name__}: {error}"
        raise ValueError(f"{os.fspath(file)!r} is no sksetfit model, or is damaged: {why}") from error
