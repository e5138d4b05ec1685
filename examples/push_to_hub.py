"""
Push a model to the Hugging Face Hub
====================================

A model on the Hub can be loaded by name on any machine that may read it. This example checks who is signed in, trains a
classifier, pushes it with its card to a private repository by :func:`~sksetfit.push_to_hub`, and loads it back at
exactly that revision::

    python push_to_hub.py --repo OWNER/NAME

Without ``--repo`` nothing is sent: the model and its card are written to a folder to be looked at.

There is no token in this file, and no option for one, so that none ends up in a notebook, a log or the history of a
shell. The client of the Hub finds it in one of two places, and these are the ways to put it there:

- ``hf auth login``, once on your own machine, keeps it in a file that only you can read;
- the environment variable ``HF_TOKEN`` holds it for one command:
  ``read -rs TOKEN; HF_TOKEN="$TOKEN" python push_to_hub.py --repo OWNER/NAME``;
- a file ``.env`` with the line ``HF_TOKEN=hf_...``, that only you can read and git ignores:
  ``(set -a && . ./.env && python push_to_hub.py --repo OWNER/NAME)``;
- a secret store: ``TOKEN="$(keyring get huggingface token)" && HF_TOKEN="$TOKEN" python push_to_hub.py ...``, and
  likewise ``secret-tool lookup`` or ``vault kv get``; a workflow of GitHub has ``secrets.HF_TOKEN``.

:doc:`/sharing` shows each of them in full. Make a token that may write to this one repository's owner only, at
https://huggingface.co/settings/tokens.
"""

# %%
# The sign-in is checked first: it would be a pity to train and then not be let in.

from pathlib import Path

import numpy as np
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from own_data import example_parser, n_to_train, read_texts

from sksetfit import FewShotSplit, SetFitClassifier, dump, load, model_card, push_to_hub


def check_sign_in() -> None:
    """Print who is signed in, or end with what to do."""
    if get_token() is None:
        raise SystemExit("No token is found. Run `hf auth login`, or set HF_TOKEN for this command.")
    try:
        user = HfApi().whoami()
    except OfflineModeIsEnabled:
        raise SystemExit("The client is told to stay offline. Unset HF_HUB_OFFLINE.") from None
    except Exception as error:  # whatever the network gives; its text may show the token, so that only its kind is told
        if isinstance(error, HfHubHTTPError) and error.response.status_code == 401:
            raise SystemExit(
                "The Hub does not know the token: it was revoked, or copied in part. HF_TOKEN is taken before the "
                "token of `hf auth login`."
            ) from None
        raise SystemExit(
            f"The Hub did not say who is signed in ({type(error).__name__}). Check the network, and that the token "
            f"was copied whole."
        ) from None
    names = [user["name"], *(organisation["name"] for organisation in user.get("orgs", []))]
    print(f"signed in as {names[0]}; names of repositories begin with {' or '.join(f'{name}/' for name in names)}")
    if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise SystemExit("This token may only read. Make one that may write at https://huggingface.co/settings/tokens.")


# %%
# Train, and write the card. Of the data it shows labels, counts and scores, and no text.


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--repo", metavar="OWNER/NAME", help="where to push to; otherwise nothing is sent")
    parser.add_argument("--public", action="store_true", help="let everybody read it; this cannot be taken back")
    parser.add_argument("--folder", type=Path, default=Path("to-push"), help="without --repo: where to write")
    options = parser.parse_args(arguments)
    if options.repo is not None:
        if options.repo.count("/") != 1:
            parser.error(f"argument --repo: must be OWNER/NAME, got {options.repo!r}")
        check_sign_in()

    X, y = read_texts(options)
    train, test = next(FewShotSplit(n_to_train(y, 8), too_few="take_all", random_state=0).split(X, y))
    clf = SetFitClassifier(options.model, random_state=0).fit(X.iloc[train], y.iloc[train])
    X_test, y_test = X.iloc[test], y.iloc[test]
    print(f"trained on {len(train)} texts, {clf.score(X_test, y_test):.1%} of {len(test)} test texts are right")
    card = model_card(clf, X_test, y_test, scoring=["accuracy", "f1_macro"], repo_id=options.repo)

    if options.repo is None:
        options.folder.mkdir(parents=True, exist_ok=True)
        dump(clf, options.folder / "model.skops")
        card.save(options.folder / "README.md")
        print(f"\nNothing was sent. What --repo OWNER/NAME would push lies in the folder {options.folder}:")
        for name in ("README.md", "model.skops"):
            print(f"    {name:16} {(options.folder / name).stat().st_size:12,} bytes")
        print("push_to_hub adds requirements.txt, the versions installed here.")
        return

    # Private unless you say otherwise. What a token of single repositories may write to, the Hub tells only here.
    try:
        commit = push_to_hub(clf, options.repo, card=card, private=not options.public)
    except (ValueError, ConnectionError) as error:
        raise SystemExit(str(error)) from None
    print(f"pushed to {commit.repo_url}, which is {'public' if options.public else 'private'}")

    # The name may hold another model tomorrow, the revision never will. Write it down where the model is used.
    again = load(options.repo, revision=commit.oid)
    texts = X_test.iloc[:100]
    difference = np.abs(again.predict_proba(texts) - clf.predict_proba(texts)).max()
    print(f"loaded back; largest difference of a probability on {len(texts)} texts: {difference:.1g}\n")
    print(f'clf = load("{options.repo}", revision="{commit.oid}")')


if __name__ == "__main__":
    main()
