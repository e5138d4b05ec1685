"""The module that talks to the Hugging Face Hub, with the real client and a stand-in for the Hub on this machine."""

import errno
import logging
import os
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.utils import close_session

from hub_stand_in import DROP, READER, SIGNATURE, WRITER, RefusedError, quiet_client, stand_in_for_the_hub
from sksetfit.utils.hub_client import MODEL_FILE, check_repo_id, fetch_file, publish

pytestmark = quiet_client
hub = pytest.fixture(stand_in_for_the_hub)
FILMS = "owner/films"
MODEL = bytes(range(256)) * 40
NO_COMMIT = "0123456789" * 4


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "notes").mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(MODEL)
    (folder / "README.md").write_text("# Films")
    (folder / "notes" / "versions.txt").write_text("numpy==2.0")
    return folder


@pytest.fixture
def films(hub, folder):
    """The commit of a repository that has the folder."""
    commit = publish(folder, FILMS, private=True, commit_message="Push")
    hub.asked.clear()
    return commit


@contextmanager
def refused(kind, *words):
    """Expect an error of exactly this kind that has these words and shows no token, nor do the lines above it."""
    with pytest.raises(kind) as caught:
        yield
    assert type(caught.value) is kind
    assert [word for word in words if word not in str(caught.value)] == []
    shown = "".join(traceback.format_exception(caught.value))
    assert WRITER not in shown
    assert READER not in shown
    assert SIGNATURE not in shown


def files_under(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


# -- fetching


def test_hub_file_is_cached_after_first_download(hub, films):
    path = fetch_file(FILMS, MODEL_FILE, revision=films.oid)
    assert Path(path).read_bytes() == MODEL
    assert hub.asked == ["info", "head", "download"]
    hub.asked.clear()
    assert fetch_file(FILMS, MODEL_FILE, revision=films.oid) == path
    assert hub.asked == []


def test_without_a_revision_the_newest_is_fetched(hub, films, folder):
    assert Path(fetch_file(FILMS, "README.md")).read_text() == "# Films"
    (folder / "README.md").write_text("# More films")
    newest = publish(folder, FILMS, private=True, commit_message="Push again")
    assert Path(fetch_file(FILMS, "README.md")).read_text() == "# More films"
    assert Path(fetch_file(FILMS, "README.md", revision=films.oid)).read_text() == "# Films"
    assert Path(fetch_file(FILMS, "README.md", revision=newest.oid)).read_text() == "# More films"


@pytest.mark.parametrize("revision", [NO_COMMIT, "v2"])
def test_a_revision_that_is_not_there_is_named(hub, films, revision):
    with refused(ValueError, "Revision Not Found", repr(revision), MODEL_FILE, f"{hub.url}/{FILMS}"):
        fetch_file(FILMS, MODEL_FILE, revision=revision)


def test_a_file_that_is_not_there_is_named(hub, films):
    with refused(ValueError, "Entry Not Found", "'other.skops'", repr(FILMS), films.oid):
        fetch_file(FILMS, "other.skops", revision=films.oid)


def test_a_repository_that_is_not_there_is_named(hub):
    with refused(ValueError, "Repository Not Found", "'owner/flims'", "the correct `repo_id`", "404"):
        fetch_file("owner/flims", MODEL_FILE)


def test_a_private_repository_is_not_told_from_none_without_a_token(hub, films, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with refused(ValueError, "private", "HF_TOKEN", "hf auth login", "401"):
        fetch_file(FILMS, MODEL_FILE)


def test_a_token_that_the_hub_does_not_know_is_not_shown(hub, films, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old" + WRITER)
    with refused(ValueError, "401", "hf auth login"):
        fetch_file(FILMS, MODEL_FILE)


@pytest.mark.parametrize("between", ["\x0b", "é"])
def test_a_token_that_cannot_be_sent_is_not_shown(hub, films, folder, monkeypatch, between):
    monkeypatch.setenv("HF_TOKEN", WRITER + between + WRITER)
    with refused(ValueError, repr(FILMS), "the token holds characters"):
        fetch_file(FILMS, MODEL_FILE)
    with refused(ValueError, repr(FILMS), "the token holds characters"):
        publish(folder, FILMS, private=True, commit_message="Push")


@pytest.mark.parametrize("said", [f"no such header: Authorization: Bearer {WRITER}", f"{WRITER} is not welcome"])
def test_a_token_that_the_server_repeats_is_neither_shown_nor_blamed(hub, films, said):
    def repeat():
        raise RefusedError(400, said)

    hub.faults.update(info=repeat, head=repeat)
    with refused(ValueError, "could not be fetched", "<token>"):
        fetch_file(FILMS, MODEL_FILE, revision="main")


def test_a_token_that_may_not_read_is_told_so(hub, films):
    hub.faults["head"] = 403
    with refused(ValueError, "Make sure your token has the correct permissions", "403"):
        fetch_file(FILMS, MODEL_FILE)


@pytest.mark.parametrize(("kind", "fault"), [("head", DROP), ("download", DROP), ("head", 503), ("download", 500)])
def test_a_download_that_breaks_off_leaves_nothing_and_works_afterwards(hub, films, tmp_path, kind, fault):
    hub.faults[kind] = fault
    with refused(ConnectionError, repr(FILMS), hub.url, "try again"):
        fetch_file(FILMS, MODEL_FILE, revision=films.oid)
    assert [name for name in files_under(tmp_path) if "blobs" in name or "snapshots" in name] == []
    hub.faults.clear()
    assert Path(fetch_file(FILMS, MODEL_FILE, revision=films.oid)).read_bytes() == MODEL


def test_a_download_that_breaks_off_twice_is_begun_again(hub, films):
    hub.faults["download"] = [DROP, DROP]
    assert Path(fetch_file(FILMS, MODEL_FILE, revision=films.oid)).read_bytes() == MODEL
    assert hub.asked == ["info", "head", "download", "download", "download"]


def test_offline_there_is_what_the_cache_has(hub, films, monkeypatch):
    path = fetch_file(FILMS, MODEL_FILE)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert fetch_file(FILMS, MODEL_FILE) == path
    with refused(ConnectionError, "'README.md'", "HF_HUB_OFFLINE"):
        fetch_file(FILMS, "README.md")
    assert hub.asked == []


def test_a_hub_that_is_not_there_is_told_so_and_the_cache_serves(hub, films, folder):
    path = fetch_file(FILMS, MODEL_FILE)
    hub.stop()
    close_session()
    assert fetch_file(FILMS, MODEL_FILE) == path
    with refused(ConnectionError, "Connection refused", hub.url, "Check the network"):
        fetch_file(FILMS, "README.md")
    with refused(ConnectionError, "Connection refused", hub.url, "Check the network"):
        publish(folder, FILMS, private=True, commit_message="Push")


@pytest.mark.parametrize("revision", ["", "<commit>", "a b", "main\n", "x?y=z"])
def test_what_can_be_no_revision_is_refused_before_the_hub_is_asked(hub, revision):
    with refused(ValueError, "revision must be the hash of a commit, a tag or a branch"):
        fetch_file(FILMS, MODEL_FILE, revision=revision)
    with refused(TypeError, "revision must be a string, got True"):
        fetch_file(FILMS, MODEL_FILE, revision=True)
    assert hub.asked == []


def test_a_hub_that_is_not_there_is_asked_once(hub, films, monkeypatch):
    hub.stop()
    close_session()
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it was tried again"))
    with refused(ConnectionError, "Connection refused"):
        fetch_file(FILMS, "README.md")


def test_a_full_disk_is_not_taken_for_the_network(hub, films, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(OSError) as caught:
        fetch_file(FILMS, MODEL_FILE)
    assert caught.value.errno == errno.ENOSPC


def test_a_whole_revision_can_be_fetched_too(hub, films, folder):
    (folder / "README.md").write_text("# More films")
    publish(folder, FILMS, private=True, commit_message="Push again")
    there = snapshot_download(FILMS, revision=films.oid)
    assert files_under(there) == [".gitattributes", "README.md", MODEL_FILE, "notes/versions.txt"]
    assert Path(there, "README.md").read_text() == "# Films"


# -- publishing


def test_a_folder_arrives_whole_in_one_commit(hub, folder):
    commit = publish(folder, FILMS, private=True, commit_message="Push")
    _, pushed = hub.repositories[FILMS].commits
    assert (pushed.sha, pushed.title) == (commit.oid, "Push")
    expected = {path: (folder / path).read_bytes() for path in files_under(folder)}
    assert {path: content for path, content in pushed.files.items() if path != ".gitattributes"} == expected


@pytest.mark.parametrize("private", [True, False])
def test_a_repository_is_made_as_private_as_is_asked(hub, folder, private):
    publish(folder, FILMS, private=private, commit_message="Push")
    assert hub.repositories[FILMS].private is private


def test_a_second_commit_replaces_files_and_keeps_the_others(hub, films, folder):
    (folder / "README.md").write_text("# More films")
    (folder / "notes" / "versions.txt").unlink()
    publish(folder, FILMS, private=True, commit_message="Push again")
    *_, first, second = hub.repositories[FILMS].commits
    assert first.sha == films.oid
    assert second.files == first.files | {"README.md": b"# More films"}


def test_what_has_not_changed_makes_no_commit(hub, films, folder):
    assert publish(folder, FILMS, private=True, commit_message="Push again").oid == films.oid
    assert len(hub.repositories[FILMS].commits) == 2


def test_what_is_public_gets_no_private_model(hub, folder):
    publish(folder, FILMS, private=False, commit_message="Push")
    (folder / "README.md").write_text("# My films")
    with refused(ValueError, "public", "private=False", repr(FILMS)):
        publish(folder, FILMS, private=True, commit_message="Push")
    assert len(hub.repositories[FILMS].commits) == 2
    publish(folder, FILMS, private=False, commit_message="Push")
    assert len(hub.repositories[FILMS].commits) == 3


def test_what_is_private_stays_private(hub, films, folder):
    (folder / "README.md").write_text("# My films")
    publish(folder, FILMS, private=False, commit_message="Push")
    assert hub.repositories[FILMS].private


EVERY_STEP = ["create", "info", "card", "preupload", "batch", "upload", "commit"]
FAULTS = [(step, fault) for step in EVERY_STEP for fault in (401, 403, 404, 409, 422, 503, DROP)]
FAULTS.remove(("create", 409))  # which says that the repository exists
FAULTS = [(step, fault) for step, fault in FAULTS if step != "create" or fault not in {401, 403}]  # below
SAID = {401: "/settings/tokens", 403: "/settings/tokens", 404: "404", 409: "409", 422: "422", 503: "503"}


@pytest.mark.parametrize(("step", "fault"), FAULTS)
def test_wherever_it_fails_the_repository_stays_as_it_was(hub, films, folder, step, fault):
    (folder / MODEL_FILE).write_bytes(b"another")
    before = list(hub.repositories[FILMS].commits)
    hub.faults[step] = fault
    kind = ConnectionError if fault in {503, DROP} else ValueError
    with refused(kind, repr(FILMS), SAID.get(fault, "try again")):
        publish(folder, FILMS, private=True, commit_message="Push")
    assert hub.repositories[FILMS].commits == before
    hub.faults.clear()
    publish(folder, FILMS, private=True, commit_message="Push")
    assert hub.repositories[FILMS].commits[-1].files[MODEL_FILE] == b"another"


def test_without_a_token_nothing_is_published(hub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with refused(ValueError, "Invalid username or password", "HF_TOKEN", "hf auth login", "401"):
        publish(folder, FILMS, private=True, commit_message="Push")
    assert hub.repositories == {}


@pytest.mark.parametrize("there", [True, False])
def test_a_token_that_may_only_read_publishes_nothing(hub, folder, monkeypatch, there):
    if there:
        publish(folder, FILMS, private=True, commit_message="Push")
    (folder / "README.md").write_text("# My films")
    monkeypatch.setenv("HF_TOKEN", READER)
    with refused(ValueError, "no rights", "'owner/films'", "/settings/tokens", "403"):
        publish(folder, FILMS, private=True, commit_message="Push")
    assert len(hub.repositories[FILMS].commits if there else hub.repositories) == 2 * there


def test_nobody_publishes_under_the_name_of_another(hub, folder):
    with refused(ValueError, "no rights", "'another/films'"):
        publish(folder, "another/films", private=True, commit_message="Push")


@pytest.mark.parametrize("step", ["preupload", "commit"])
def test_a_commit_of_somebody_else_meanwhile_is_not_overwritten(hub, films, folder, step):
    (folder / "README.md").write_text("# My films")
    hub.faults[step] = lambda: hub.repositories[FILMS].add("Theirs", {"README.md": b"# Their films"})
    with refused(ValueError, "412", "A commit has happened since. Please refresh and try again"):
        publish(folder, FILMS, private=True, commit_message="Push")
    assert hub.repositories[FILMS].commits[-1].files["README.md"] == b"# Their films"


def test_the_login_of_the_client_serves_where_the_environment_has_no_token(hub, folder, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "token").write_text(WRITER)
    publish(folder, FILMS, private=True, commit_message="Push")
    assert Path(fetch_file(FILMS, MODEL_FILE)).read_bytes() == MODEL


def test_the_token_is_in_no_log_and_no_file(hub, folder, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(("hugg", "http"))]:
        caplog.set_level(logging.DEBUG, logger=name)
    hub.faults["upload"] = DROP
    with refused(ConnectionError):
        publish(folder, FILMS, private=True, commit_message="Push")
    hub.faults.clear()
    publish(folder, FILMS, private=True, commit_message="Push")
    fetch_file(FILMS, MODEL_FILE)
    assert "Request" in caplog.text
    assert WRITER not in caplog.text
    kept = [*hub.large_files.values(), *hub.repositories[FILMS].commits[-1].files.values()]
    kept += [(tmp_path / name).read_bytes() for name in files_under(tmp_path)]
    assert len(kept) > 5
    assert [content for content in kept if WRITER.encode() in content] == []


# -- names


@pytest.mark.parametrize("name", ["films", "a/b/c", "owner/", "/films", "owner/my films", "owner/a--b", "", "../films"])
def test_a_name_of_another_form_is_refused_before_the_hub_is_asked(hub, tmp_path, name):
    for ask in (
        lambda: check_repo_id(name),
        lambda: fetch_file(name, MODEL_FILE),
        lambda: publish(tmp_path, name, private=True, commit_message="Push"),
    ):
        with refused(ValueError, "'owner/name'", repr(name)):
            ask()
    assert hub.asked == []


def test_a_name_that_is_no_string_is_refused():
    with refused(TypeError, "'owner/name'", "PosixPath" if os.name == "posix" else "WindowsPath"):
        check_repo_id(Path(FILMS))
