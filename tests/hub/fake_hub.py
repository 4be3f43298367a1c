"""A server on loopback that speaks what of the hub's API a client needs, and misbehaves on order.

``/api/models/OWNER/NAME[/revision/REV]`` says what there is; ``/OWNER/NAME/resolve/SHA/FILE`` gives
small files itself and sends those in LFS on to ``/cdn/SHA256`` under another name of the host, as
the hub does. Ranges are served
and every byte that left is counted.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS_BYTES = 10_000
COMMIT = "22aad52d435eb6dbaf354bdad9b0da84ce7d6156"


def blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class FakeHub:
    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    card: dict[str, object] = field(
        default_factory=lambda: {"license": "apache-2.0", "language": ["en"]}
    )
    name: str = "facebook/tiny"
    refuse: tuple[int, dict[str, str]] | None = None
    """Status and headers of every answer"""
    cut_after: int | None = None
    """Bytes of a file in LFS after which the line breaks"""
    dead: bool = False
    """No answer to anything"""
    ranges: bool = True
    bare: bool = False
    """The listing has names alone, as those of some mirrors"""
    corrupt: bool = False
    """Files in LFS come with a wrong byte"""
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of each file that left"""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of each request"""
    tokens: set[tuple[str, str | None]] = field(default_factory=set)
    """Host asked and token shown"""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def serve_folder(self, folder):
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[str(path.relative_to(folder))] = path.read_bytes()

    def info(self):
        siblings = []
        for name, content in sorted(self.files.items()):
            one = {"rfilename": name}
            if self.bare:
                siblings.append(one)
                continue
            one |= {"size": len(content), "blobId": blob_id(content)}
            if len(content) >= LFS_BYTES:
                sha256 = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(one)
        return {
            "id": self.name,
            "modelId": self.name,
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "tags": [],
            "cardData": self.card,
            "siblings": siblings,
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, body):
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path, self.headers.get("Range", "")))
        hub.tokens.add((self.headers["Host"].partition(":")[0], self.headers["Authorization"]))
        if hub.dead:
            self.close_connection = True
            return
        if hub.refuse:
            self.reply(hub.refuse[0], b"", hub.refuse[1])
        elif path in (f"/api/models/{hub.name}", *self.revisions()):
            self.reply(200, json.dumps(hub.info()).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/api/models/{hub.name}/revision/"):
            self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(f"/{hub.name}/resolve/{COMMIT}/"):
            self.resolve(path.partition(f"{COMMIT}/")[2], body)
        elif path.startswith("/cdn/"):
            self.cdn(path.removeprefix("/cdn/"))
        else:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    def revisions(self):
        return [f"/api/models/{self.hub.name}/revision/{r}" for r in ("main", "v1", COMMIT)]

    def resolve(self, name, body):
        content = self.hub.files.get(name)
        if content is None:
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
        elif len(content) >= LFS_BYTES:
            sha256 = hashlib.sha256(content).hexdigest()
            headers = {
                "Location": f"http://localhost:{self.hub.port}/cdn/{sha256}",
                "X-Linked-Etag": f'"{sha256}"',
                "X-Linked-Size": str(len(content)),
                "X-Repo-Commit": COMMIT,
            }
            self.reply(302, b"", headers)
        else:
            headers = {"ETag": f'"{blob_id(content)}"', "X-Repo-Commit": COMMIT}
            if body:
                self.count(name, content)
            self.reply(200, content, headers, body=body)

    def cdn(self, sha256):
        [(name, content)] = [
            (n, c) for n, c in self.hub.files.items() if hashlib.sha256(c).hexdigest() == sha256
        ]
        if self.hub.corrupt:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        if self.headers.get("Range") and self.hub.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        rest = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = self.hub.cut_after
        if cut is not None and start + len(rest) > cut:
            rest = rest[: max(0, cut - start)]
            self.close_connection = True
        self.count(name, rest)
        self.wfile.write(rest)
        self.wfile.flush()

    def count(self, name, content):
        """Before it leaves: a client that has it all may look at once."""
        self.hub.sent[name] = self.hub.sent.get(name, 0) + len(content)

    def reply(self, status, content, headers, *, body=True):
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def running_hub():
    hub = FakeHub()
    handler = type("Bound", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()
