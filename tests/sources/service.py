"""Services on loopback that answer as a function says, and whole scrapes against them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
from tests.fetching.web import RULES, png

from memegan.records import FetchRow, PostRow
from memegan.sources.base import Request
from memegan.tables import read_table

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Asked:
    """What a service was asked."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What it answers."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int = -1  # the Content-Length that is told; -1: the true one


class Service(ThreadingHTTPServer):
    """Answers by a function, and remembers what was asked; /N.png is picture number N."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Asked], object]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.asked = answer, list[Asked]()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: an engine may hang up on us."""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}"

    def reply(self, asked: Asked) -> Reply:
        if asked.path in RULES:
            return Reply(status=404)
        self.asked.append(asked)
        name = asked.path.strip("/").removesuffix(".png")
        if asked.path.endswith(".png") and name.isdecimal():
            return Reply(png(int(name)))
        found = self.answer(asked)
        if isinstance(found, Reply):
            return found
        return Reply(json.dumps(found).encode(), headers={"Content-Type": "application/json"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        reply = self.server.reply(Asked(parts.path, query, dict(self.headers)))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        is_cut = reply.promised >= 0
        self.send_header("Content-Length", str(reply.promised if is_cut else len(reply.body)))
        self.close_connection = is_cut
        self.end_headers()
        self.wfile.write(reply.body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(answer: Callable[[Asked], object]) -> Iterator[Service]:
    """Serve until the block ends."""
    with Service(answer) as service:
        threading.Thread(target=service.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield service
        finally:
            service.shutdown()


def fetch(request: Request) -> bytes:
    """Ask loopback as an engine would, with no manners."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(request.url, headers=dict(request.headers), timeout=20).content


def no_network(request: Request) -> bytes:
    raise AssertionError(request)


@dataclass(frozen=True)
class Scraped:
    """How a scrape ended and what it wrote."""

    code: int
    said: str

    @property
    def posts(self) -> list[PostRow]:
        return read_table(Path("data/raw/posts.csv"), PostRow)

    @property
    def fetches(self) -> list[FetchRow]:
        return read_table(Path("data/raw/fetches.csv"), FetchRow)


def scrape(source: Mapping[str, object], **environment: str) -> Scraped:
    """Run the stage in this folder as a project; localhost may be asked."""
    params = {
        "snapshot": "2026-11-21",
        "requests_per_s": 1000,
        "api_requests_per_s": 1000,
        "allow_private_hosts": ["localhost"],
        "sources": [{"domain": "meme", **source}],
    }
    Path("params.yaml").write_text(json.dumps({"scrape": params}), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(ROOT / "stages/scrape.py")],
        env={**os.environ, "DVC_ROOT": str(Path.cwd()), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Scraped(ended.returncode, ended.stderr + ended.stdout)
