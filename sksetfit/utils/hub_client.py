"""The Hugging Face Hub: one file fetched, one folder published in one commit, errors as built-in types.

The messages are the client's own. The token is the client's to find and to send; nothing here reads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented there

MODEL_FILE = "model.skops"  # the name of the model in a repository
TIMEOUT = 10  # seconds to wait for the Hub's first answer

_TRY_AGAIN = {408, 429}
_MAX_MESSAGE = 1_000  # characters of what a server says, which may be a whole page


def is_repo_id(name: str) -> bool:
    """Tell whether a name has the form ``"owner/name"`` of a repository."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return name.count("/") == 1


def check_repo_id(repo_id: str) -> None:
    """Refuse what cannot be the name of a repository, before anything is asked of the Hub.

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If it has not the form ``"owner/name"``.
    """
    if not isinstance(repo_id, str):
        raise TypeError(f"repo_id must be a string 'owner/name', got {type(repo_id).__name__}.")
    if not is_repo_id(repo_id):
        raise ValueError(
            f"repo_id must be 'owner/name', as on the Hugging Face Hub, got {repo_id!r}. Both are of letters, digits, "
            f"'-', '_' and '.'."
        )


def check_revision(revision: str | None) -> None:
    """Refuse what cannot be a commit, tag or branch, before anything is asked of the Hub.

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If it has characters that none has.
    """
    if revision is not None and not isinstance(revision, str):
        raise TypeError(f"revision must be a string, got {revision!r}.")
    if revision is not None and not re.fullmatch(r"[\w./-]+", revision):
        raise ValueError(f"revision must be the hash of a commit, a tag or a branch, got {revision!r}.")


def fetch_file(repo_id: str, filename: str, *, revision: str | None = None) -> str:
    """Return the path of a repository's file in the Hub's cache, fetched if it is not there.

    Parameters
    ----------
    repo_id : str
        ``"owner/name"``.
    filename : str
        Its name in the repository.
    revision : str or None, default=None
        A commit, tag or branch; None takes the branch ``main``. A whole commit hash that is in the cache needs no
        network.

    Raises
    ------
    ValueError
        If there is no such repository, revision or file, or none that the token may read.
    ConnectionError
        If the Hub cannot be reached, breaks off or fails, and the file is not in the cache.
    """
    download = partial(HfApi().hf_hub_download, repo_id, filename, revision=revision)
    with _fetching(f"{filename!r} of {repo_id!r}", repo_id, revision):
        if re.fullmatch("[0-9a-f]{40}", revision or ""):
            with suppress(LocalEntryNotFoundError):
                return download(local_files_only=True)  # it can be no other one
        return _downloaded(download, repo_id, revision)


def fetch_folder(repo_id: str, *, revision: str | None = None, ignore: Sequence[str] = ()) -> str:
    """Return the path of a folder in the Hub's cache with the files of a repository but those to ignore.

    Parameters and errors are those of `fetch_file`; ``ignore`` holds patterns such as ``"onnx/*"``.
    """
    download = partial(HfApi().snapshot_download, repo_id, revision=revision, ignore_patterns=list(ignore))
    with _fetching(repr(repo_id), repo_id, revision):
        return _downloaded(download, repo_id, revision)


def _downloaded(download: Callable[..., str], repo_id: str, revision: str | None) -> str:
    """Download, or take what is in the cache where the Hub does not answer.

    Asked first, because a download would try many times, for half a minute, and say so each time.
    """
    try:
        HfApi().model_info(repo_id, revision=revision, timeout=TIMEOUT)
    except HfHubHTTPError:  # an answer, though not the one that was asked for
        pass
    except Exception:  # the HTTP library's own
        with suppress(LocalEntryNotFoundError):
            return download(local_files_only=True)
        raise
    return download()


@contextmanager
def _fetching(wanted: str, repo_id: str, revision: str | None) -> Iterator[None]:
    check_repo_id(repo_id)
    check_revision(revision)
    wanted += f" at revision {revision!r}" if revision else ""
    with _builtin_errors(f"{wanted} could not be fetched from the Hugging Face Hub, {constants.ENDPOINT}"):
        yield


def publish(folder: str | os.PathLike[str], repo_id: str, *, private: bool, commit_message: str) -> CommitInfo:
    """Put all files of a folder into a repository in one commit: all of them arrive, or none.

    A repository that does not exist is made first, and stays, empty, if the commit fails. Files of an older commit
    that the folder does not have are kept.

    Parameters
    ----------
    folder : str or path
        Its files keep their names and places.
    repo_id : str
        ``"owner/name"``.
    private : bool
        Whether others may not see it. The visibility of a repository that exists is never changed.
    commit_message : str
        The title of the commit.

    Raises
    ------
    ValueError
        If the Hub refuses, somebody else commits meanwhile, or the repository exists and is public, though
        ``private``.
    ConnectionError
        If the Hub cannot be reached, breaks off or fails.
    """
    check_repo_id(repo_id)
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    # upload_folder would make several commits of them where the client has its newer way to transfer files.
    additions = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
    api = HfApi()
    failed = f"{repo_id!r} could not be pushed to on the Hugging Face Hub, {constants.ENDPOINT}"
    with _builtin_errors(failed):
        api.create_repo(repo_id, private=private, exist_ok=True)
        before = api.model_info(repo_id)
    if private and not before.private:
        raise ValueError(
            f"{repo_id!r} exists on the Hugging Face Hub and is public, so that private=True cannot be kept. Give "
            f"private=False to publish there, or another repo_id."
        )
    with _builtin_errors(failed):
        # What has not changed is left out of the commit, so the commit is right for one parent only.
        return api.create_commit(repo_id, additions, commit_message=commit_message, parent_commit=before.sha)


@contextmanager
def _builtin_errors(failed: str) -> Iterator[None]:
    """Raise what the client and the libraries below it raise as ValueError or ConnectionError, with their message."""
    try:
        yield
    except Exception as error:
        cause = _root_cause(error)
        of_this_machine = isinstance(cause, OSError) and cause.errno is not None  # as of a full disk
        if of_this_machine or isinstance(cause, Warning):  # which the caller wants to be errors
            raise
        # Without the original, whose text or request could show the token.
        raise _builtin_error(cause, failed) from None


def _root_cause(error: Exception) -> Exception:
    """Return what happened, where the client says only at which file it did."""
    while isinstance(error, (LocalEntryNotFoundError, RuntimeError)) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _builtin_error(error: Exception, failed: str) -> Exception:
    message = re.sub(r"\?[^\s']+", "", str(error) or type(error).__name__)  # a query of an address may be a signature
    is_answer = isinstance(error, HfHubHTTPError)
    unsendable = isinstance(error, UnicodeEncodeError) or (not is_answer and "Bearer" in message)
    message = re.sub(r"\bBearer\s+\S+|\bhf_\w+", "<token>", message)  # which a server may repeat
    message = f"{failed}.\n{message.strip()[:_MAX_MESSAGE]}\n"
    if unsendable:  # a header, which the HTTP library may quote
        return ValueError(f"{failed}: the token holds characters that no token has. Copy it again.")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if status in {401, 403}:
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        message += f"The token needs the right to do so. Make one at {tokens}, and set HF_TOKEN or run `hf auth login`."
    if isinstance(error, ValueError) or (400 <= status < 500 and status not in _TRY_AGAIN):
        return ValueError(message.strip())
    return ConnectionError(f"{message}Nothing is half-written. Check the network, and try again.")
