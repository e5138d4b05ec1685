"""A small stand-in for the Hugging Face Hub on this machine, which the real client talks to."""

import base64
import hashlib
import json
import re
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

OWNER = "owner"
WRITER, READER = "hf_SecretOfTheWriter", "hf_SecretOfTheReader"  # tokens
SIGNATURE = "SignedByTheStore"  # in the address to which a large file is sent
DROP = "drop"  # a fault: the connection breaks in the middle

# Of the client, which hands files to the HTTP library below it in a way that is to end. A mark for modules.
quiet_client = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


class Commit(NamedTuple):
    sha: str
    title: str
    files: dict  # path: content


class Repository:
    def __init__(self, private):
        self.private = private
        self.commits = []
        self.add("initial commit", {".gitattributes": b"*.skops filter=lfs\n"})

    def add(self, title, changed):
        files = (self.commits[-1].files if self.commits else {}) | changed
        sha = hashlib.sha1(f"{len(self.commits)} {title}".encode()).hexdigest()
        self.commits.append(Commit(sha, title, files))
        return sha

    def at(self, revision):
        """Return the commit of a revision, None where there is none."""
        if revision == "main":
            return self.commits[-1]
        return next((commit for commit in self.commits if commit.sha == revision), None)


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status, said, code=""):
        super().__init__(said)
        self.status, self.said, self.code = status, said, code


class HubStandIn:
    """Repositories in memory, behind the part of the Hub's interface that the client uses.

    Attributes
    ----------
    repositories : dict
        ``"owner/name"``: `Repository`.
    faults : dict
        Kind of request, as in `ROUTES`: a status to answer, `DROP`, a function to call first, or a list of these, of
        which each request uses up one.
    asked : list of str
        The kinds of requests that came, in their order.
    """

    def __init__(self):
        self.repositories, self.faults, self.asked, self.large_files = {}, {}, [], {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.hub = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        """Be reached no more; who is connected already stays so."""
        self.server.shutdown()
        self.server.server_close()

    def readable(self, repo_id, token):
        found = self.repositories.get(repo_id)
        if found is not None and (token or not found.private):
            return found
        # As the Hub does, which does not tell those who may not see it that there is something.
        status, said = (404, "Repository not found") if token else (401, "Invalid username or password.")
        raise RefusedError(status, said, "RepoNotFound")

    def writable(self, repo_id, token):
        if repo_id.split("/")[0] != OWNER or token == READER:
            raise RefusedError(403, "You have no rights to write there")
        return self.readable(repo_id, token)

    def commit_at(self, repo_id, revision, token):
        if (commit := self.readable(repo_id, token).at(revision)) is None:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    # -- one method per kind of request; each gets the token, the parts of the path, and the body, and returns JSON

    def create(self, token, body):
        asked = json.loads(body)
        repo_id = f"{asked['organization']}/{asked['name']}"
        if token is None:
            raise RefusedError(401, "Invalid username or password.")
        if asked["organization"] != OWNER or token == READER:
            raise RefusedError(403, "You have no rights to create there")
        status = 409 if repo_id in self.repositories else 200
        if status == 200:
            self.repositories[repo_id] = Repository(asked.get("visibility") == "private")
        return {"url": f"{self.url}/{repo_id}"}, status

    def info(self, token, body, repo_id, revision="main"):
        commit = self.commit_at(repo_id, revision or "main", token)
        files = [{"rfilename": path} for path in commit.files]
        return {"id": repo_id, "sha": commit.sha, "private": self.repositories[repo_id].private, "siblings": files}

    def tree(self, token, body, repo_id, revision):
        files = self.commit_at(repo_id, revision, token).files
        return [{"type": "file", "path": path, "size": len(files[path]), "oid": blob_id(files[path])} for path in files]

    def card(self, token, body):
        return {"warnings": [], "errors": []}

    def preupload(self, token, body, repo_id, revision):
        head = self.writable(repo_id, token).at(revision).files
        told = []
        for file in json.loads(body)["files"]:
            path, mode = file["path"], "lfs" if file["path"].endswith(".skops") else "regular"
            there = {"oid": (sha256 if mode == "lfs" else blob_id)(head[path])} if path in head else {}
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": False} | there)
        return {"files": told}

    def batch(self, token, body, repo_id):
        self.writable(repo_id, token)
        actions = [
            file | {"actions": {"upload": {"href": f"{self.url}/large/{file['oid']}?signature={SIGNATURE}"}}}
            for file in json.loads(body)["objects"]
        ]
        return {"transfer": "basic", "objects": actions}

    def upload(self, token, body, oid):
        assert sha256(body) == oid
        self.large_files[oid] = body
        return {}

    def commit(self, token, body, repo_id, revision):
        repository = self.writable(repo_id, token)
        parts = [json.loads(line) for line in body.splitlines()]
        header = next(part["value"] for part in parts if part["key"] == "header")
        if header.get("parentCommit") not in {None, repository.commits[-1].sha}:
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        small = {p["value"]["path"]: base64.b64decode(p["value"]["content"]) for p in parts if p["key"] == "file"}
        large = {p["value"]["path"]: self.large_files[p["value"]["oid"]] for p in parts if p["key"] == "lfsFile"}
        sha = repository.add(header["summary"], small | large)
        return {"commitUrl": f"{self.url}/{repo_id}/commit/{sha}", "commitOid": sha}

    def download(self, token, body, repo_id, revision, path):
        """Return the commit and the content, which are answered with headers of their own."""
        commit = self.commit_at(repo_id, revision, token)
        if path not in commit.files:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        return commit, commit.files[path]


REPO, REV = r"(\w[\w.-]*/[\w.-]+?)", r"([\w.%-]+)"
ROUTES = {  # kind: method and path; HEAD is answered as GET without its body
    "create": r"POST /api/repos/create",
    "card": r"POST /api/validate-yaml",
    "preupload": rf"POST /api/models/{REPO}/preupload/{REV}",
    "commit": rf"POST /api/models/{REPO}/commit/{REV}",
    "tree": rf"GET /api/models/{REPO}/tree/{REV}",
    "info": rf"GET /api/models/{REPO}(?:/revision/{REV})?",
    "batch": rf"POST /{REPO}\.git/info/lfs/objects/batch",
    "upload": r"PUT /large/(\w+)",
    "head": rf"HEAD /{REPO}/resolve/{REV}/(.+)",
    "download": rf"GET /{REPO}/resolve/{REV}/(.+)",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which waits before it sends the little that answers are

    def log_message(self, *args):
        pass

    def do_GET(self):
        hub, asked = self.server.hub, f"{self.command} {urlsplit(self.path).path}"
        kind, match = next((k, m) for k, route in ROUTES.items() if (m := re.fullmatch(route, asked)))
        hub.asked.append(kind)
        fault = hub.faults.get(kind)
        if isinstance(fault, list):
            fault = fault.pop(0) if fault else None
        if fault == DROP and kind != "download":
            self.drop()
            return
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self.chunks()
        try:
            if callable(fault):
                fault()
            elif fault is not None and fault != DROP:
                raise RefusedError(fault, "a fault of the stand-in")
            parts = [part and unquote(part) for part in match.groups()]
            answer = getattr(hub, "download" if kind == "head" else kind)(self.token(), body, *parts)
        except RefusedError as refused:
            said = json.dumps({"error": refused.said}).encode()
            self.answer(refused.status, said, {"X-Error-Code": refused.code, "X-Error-Message": refused.said})
        else:
            if kind in {"head", "download"}:
                commit, content = answer
                self.answer(200, content, {"ETag": f'"{sha256(content)}"', "X-Repo-Commit": commit.sha}, fault == DROP)
            else:
                answer, status = answer if isinstance(answer, tuple) else (answer, 200)
                self.answer(status, json.dumps(answer).encode(), {})

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  # the names that the server calls

    def token(self):
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        if sent not in {None, WRITER, READER}:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return sent

    def chunks(self):
        """Read a body that comes in chunks, as a file does."""
        body = b""
        while self.headers.get("Transfer-Encoding") == "chunked" and (size := int(self.rfile.readline(), 16)):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def answer(self, status, body, headers, broken=False):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if broken else body)
        if broken:
            self.drop()

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def blob_id(content):
    """Return what git names a file by."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def stand_in_for_the_hub(tmp_path, monkeypatch):
    """Yield a stand-in that the client talks to, signed in as its owner, with an empty cache; to be made a fixture."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session, disable_progress_bars, enable_progress_bars

    with HubStandIn() as stand_in:
        template = stand_in.url + "/{repo_id}/resolve/{revision}/{filename}"
        settings = {
            "ENDPOINT": stand_in.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_TOKEN_PATH": str(tmp_path / "token"),
            "HF_HUB_DISABLE_XET": True,  # files go through the Hub itself, not through a store of its own
            "HF_HUB_DISABLE_TELEMETRY": True,  # which would ask, and keep the answer at home
        }
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", WRITER)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client tries six times, and waits in between
        close_session()  # one that an earlier test has left, with its connections and proxies
        disable_progress_bars()
        yield stand_in
        enable_progress_bars()
        close_session()
