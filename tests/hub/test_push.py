"""A model on the Hub: what is published, what comes back, and what is refused before the Hub is asked."""

import tempfile
from importlib.metadata import version
from inspect import signature
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import sksetfit
from conftest import make_texts
from hub_stand_in import DROP, READER, WRITER, quiet_client, stand_in_for_the_hub
from sksetfit import load
from sksetfit.hub.push import push_to_hub
from sksetfit.utils.hub_client import MODEL_FILE, fetch_file

pytestmark = quiet_client
hub = pytest.fixture(stand_in_for_the_hub)
FILMS = "owner/films"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A place for temporary folders, which has none any more at the end."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


@pytest.fixture
def pipeline(tiny_encoder):
    return make_pipeline(tiny_encoder, LogisticRegression()).fit(*make_texts(8))


def pushed(hub, revision="main"):
    return hub.repositories[FILMS].at(revision).files


def test_a_model_comes_back_as_it_was(hub, fitted):
    texts, _ = make_texts(5, seed=1)
    info = push_to_hub(fitted, FILMS, card="# Films")
    again = load(FILMS, revision=info.oid)
    assert_array_equal(again.predict(texts), fitted.predict(texts))
    assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))


def test_the_revision_of_a_push_gives_its_model_after_the_next_one_too(hub, fitted, tiny_classifier):
    texts, labels = make_texts(8, seed=1)
    other = tiny_classifier.fit(texts, [label.upper() for label in labels])
    first, second = (push_to_hub(clf, FILMS, card="# Films") for clf in (fitted, other))
    assert first.oid != second.oid
    assert [commit.sha for commit in hub.repositories[FILMS].commits[1:]] == [first.oid, second.oid]
    for revision, clf in [(first.oid, fitted), (second.oid, other), ("main", other)]:
        again = load(FILMS, revision=revision)
        assert_array_equal(again.predict(texts), clf.predict(texts))


@pytest.mark.parametrize("revision", ["0123456789" * 4, "no-such-branch"])
def test_revision_that_is_not_there_raises(hub, fitted, revision):
    push_to_hub(fitted, FILMS, card="# Films")
    with pytest.raises(ValueError, match=f"'model.skops' of '{FILMS}' at revision '{revision}' could not be fetched"):
        load(FILMS, revision=revision)


@pytest.mark.parametrize("name", ["films", "../films", "owner/films/model.skops", "https://example.org/owner/films"])
def test_what_is_no_repository_is_told_before_the_hub_is_asked(hub, name):
    with pytest.raises(ValueError, match="repo_id must be 'owner/name'"):
        load(name, revision="main")
    assert hub.asked == []


def test_a_damaged_model_on_the_hub_is_refused_by_its_name(hub, fitted):
    info = push_to_hub(fitted, FILMS, card="# Films")
    files = pushed(hub)
    files[MODEL_FILE] = files[MODEL_FILE][:-500]
    with pytest.raises(ValueError, match=f"'{FILMS}' is no sksetfit model, or is damaged"):
        load(FILMS, revision=info.oid)


def test_a_repository_has_the_model_its_card_and_its_versions(hub, fitted):
    info = push_to_hub(fitted, FILMS, card="# Films\n\nÀ bientôt", commit_message="The first")
    files = pushed(hub, info.oid)
    assert files.keys() == {".gitattributes", MODEL_FILE, "README.md", "requirements.txt"}
    assert files["README.md"].decode() == "# Films\n\nÀ bientôt"
    assert hub.repositories[FILMS].commits[-1].title == "The first"


def test_the_requirements_are_the_versions_installed_here(hub, fitted):
    push_to_hub(fitted, FILMS, card="# Films")
    lines = pushed(hub)["requirements.txt"].decode().splitlines()
    found = dict(line.split("==") for line in lines)
    assert found["sksetfit"] == sksetfit.__version__
    assert found["torch"] == version("torch").split("+")[0]
    others = {"scikit-learn", "sentence-transformers", "transformers", "tokenizers", "numpy", "skops"}
    assert {name: found[name] for name in others} == {name: version(name) for name in others}
    assert len(lines) == len(others) + 2


def test_a_classifier_gets_a_card_that_names_its_repository(hub, fitted):
    push_to_hub(fitted, FILMS)
    card = ModelCard(pushed(hub)["README.md"].decode())
    assert "sentence-transformers" in card.data.tags
    assert FILMS in card.text


def test_a_card_of_ones_own_is_taken_with_its_metadata(hub, fitted):
    card = ModelCard("---\nlicense: mit\n---\n\n# My films\n")
    push_to_hub(fitted, FILMS, card=card)
    assert pushed(hub)["README.md"].decode() == str(card)


def test_what_holds_an_encoder_is_published_with_a_card(hub, pipeline):
    texts, _ = make_texts(5, seed=1)
    push_to_hub(pipeline, FILMS, card="# Films")
    assert_array_equal(load(fetch_file(FILMS, MODEL_FILE)).predict(texts), pipeline.predict(texts))
    push_to_hub(pipeline[0], FILMS, card="# Films, the encoder")
    assert_array_equal(load(fetch_file(FILMS, MODEL_FILE)).transform(texts), pipeline[0].transform(texts))


def test_a_model_is_private_unless_it_is_said_to_be_public(hub, fitted):
    push_to_hub(fitted, FILMS, card="# Films")
    push_to_hub(fitted, "owner/public-films", card="# Films", private=False)
    assert hub.repositories[FILMS].private
    assert not hub.repositories["owner/public-films"].private


@pytest.mark.parametrize("fault", [401, 403, 404, 409, 503, DROP])
@pytest.mark.parametrize("step", ["upload", "commit"])
def test_a_push_that_fails_changes_nothing_there_or_here(hub, fitted, tmp_path, step, fault):
    hub.faults[step] = fault
    with pytest.raises((ValueError, ConnectionError), match="'owner/films' could not be pushed to") as caught:
        push_to_hub(fitted, FILMS, card="# Films")
    assert WRITER not in str(caught.value)
    assert pushed(hub).keys() == {".gitattributes"}
    assert not (tmp_path / "cache").exists()


def test_a_push_with_a_token_that_may_only_read_makes_no_repository(hub, fitted, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(ValueError, match="no rights to create there"):
        push_to_hub(fitted, FILMS, card="# Films")
    assert hub.repositories == {}


def test_a_model_that_cannot_be_written_is_not_half_published(hub, fitted, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("sksetfit.hub.push.write_model", full)
    with pytest.raises(OSError, match="No space left"):
        push_to_hub(fitted, FILMS, card="# Films")
    assert hub.asked == []


# -- refused before the Hub is asked


def refuse(hub, kind, match, *args, **kwargs):
    with pytest.raises(kind, match=match):
        push_to_hub(*args, **kwargs)
    assert hub.asked == []


def test_a_model_that_is_not_fitted_is_refused(hub, tiny_classifier, tiny_encoder):
    refuse(hub, NotFittedError, "not fitted", tiny_classifier, FILMS)
    refuse(hub, NotFittedError, "not fitted", make_pipeline(tiny_encoder, LogisticRegression()), FILMS, card="# Films")


def test_swapped_arguments_are_told_so(hub, fitted):
    refuse(hub, TypeError, "got str. Are the two swapped", FILMS, fitted)


@pytest.mark.parametrize("name", ["films", "https://huggingface.co/owner/films", "", "owner/"])
def test_a_name_of_another_form_is_refused(hub, fitted, name):
    refuse(hub, ValueError, "repo_id must be 'owner/name'", fitted, name)


def test_a_name_that_is_no_string_is_refused(hub, fitted):
    refuse(hub, TypeError, "repo_id must be a string", fitted, Path(FILMS))


@pytest.mark.parametrize("private", [None, 0, "no"])
def test_privacy_is_true_or_false(hub, fitted, private):
    refuse(hub, TypeError, "private must be True or False", fitted, FILMS, private=private)


@pytest.mark.parametrize(("message", "kind"), [("", ValueError), (" ", ValueError), (None, TypeError)])
def test_a_commit_has_a_title(hub, fitted, message, kind):
    refuse(hub, kind, f"commit_message.*{message!r}", fitted, FILMS, commit_message=message)


def test_a_card_is_a_text(hub, fitted):
    refuse(hub, TypeError, "card must be a string.*got dict", fitted, FILMS, card={"license": "mit"})


def test_a_card_that_cannot_be_written_is_asked_for(hub, pipeline):
    refuse(hub, ValueError, "clf is a Pipeline.*card=", pipeline, FILMS)


def test_a_token_is_no_argument():
    assert list(signature(push_to_hub).parameters) == ["clf", "repo_id", "card", "private", "commit_message"]
