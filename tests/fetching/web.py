"""A small web host on loopback that answers as a test says, troubles included."""

import io
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from PIL import Image

from memegan.fetching.store import Settled, Store

HOST = "site.invalid"
RULES = ("/robots.txt", "/.well-known/tdmrep.json")


def png(number: int) -> bytes:
    """A picture of 8x8 px, another for each number."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 7)).save(file, "PNG")
    return file.getvalue()


def ended(store: Store, url: str) -> Settled:
    """Return how a url ended."""
    found = store.settled(url)
    assert found is not None
    return found


@dataclass(frozen=True)
class Answer:
    """What a path answers; `drip` sends that byte over and over, slowly where `drip_s` says so."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1  # -1: the body's; None: not said
    drip: bytes = b""
    drip_s: float = 0.0
    drips_headers: bool = False
    dates: bool = True  # False: `headers` say the date
    rest: bytes = b""  # of the body; it comes when `pause` is over
    pause: threading.Event | None = None
    ends_pause: threading.Event | None = None


class Web(ThreadingHTTPServer):
    """Paths and their answers; several answers are given one after the other, the last again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: Counter[str] = Counter()  # without RULES
        self.asked_rules: Counter[str] = Counter()
        self.seen_headers: list[tuple[str, dict[str, str]]] = []
        self.lock, self.over = threading.Lock(), threading.Event()
        self.gate: threading.Event | None = None  # where set, requests after `free` wait for it
        self.free = 0
        self.is_full = threading.Event()  # set when requests wait at the gate

    @property
    def hosts(self) -> dict[str, str]:
        return {HOST: f"127.0.0.1:{self.server_port}"}

    def give(self, path: str, *answers: Answer) -> str:
        """Let a path answer; return its url."""
        self.answers[path] = list(answers)
        return f"http://{HOST}{path}"

    def next(self, path: str) -> Answer:
        with self.lock:
            asked = self.asked_rules if path in RULES else self.asked
            asked[path] += 1
            waits = self.gate is not None and self.asked.total() > self.free
            answers = self.answers.get(path, [Answer(b"no", 404)])
            answer = answers[min(asked[path], len(answers)) - 1]
        if waits and self.gate is not None:
            self.is_full.set()
            self.gate.wait(20)
        return answer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.seen_headers.append((path, dict(self.headers)))
        answer = self.server.next(path)
        self.close_connection = answer.length != -1 or bool(answer.drip)
        if answer.drips_headers:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            return self._drip(answer)
        self.send_response_only(answer.status)
        if answer.dates:
            self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.length is not None and not answer.drip:
            whole = len(answer.body) + len(answer.rest)
            length = whole if answer.length < 0 else answer.length
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.pause is not None and answer.pause.wait(20):
            self.wfile.write(answer.rest)
        if answer.ends_pause is not None:
            answer.ends_pause.set()
        if answer.drip:
            self._drip(answer)

    def _drip(self, answer: Answer) -> None:
        for _ in range(2000):
            self.wfile.write(answer.drip)
            if answer.drip_s and self.server.over.wait(answer.drip_s):
                return

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Web]:
    """Serve until the block ends."""
    with Web() as web:
        threading.Thread(target=web.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield web
        finally:
            web.over.set()
            web.shutdown()


def gzip_bomb(size: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(bytes(size)) + packer.flush()
