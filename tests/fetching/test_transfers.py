"""HTTP as libcurl speaks it for us, against servers on loopback."""

import gc
import ssl
import threading
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pycurl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fetching.asking import downloaded, transferring
from tests.fetching.web import HOST, Answer, Web, gzip_bomb, png

from memegan.fetching import transfers as module
from memegan.fetching.download import Limits
from memegan.fetching.reasons import Refused
from memegan.fetching.safety import Door
from memegan.fetching.transfers import Transfers
from memegan.sources.base import Request

NAME = "pictures.example"


@pytest.fixture
def transfers(web: Web) -> Iterator[Transfers]:
    with transferring(Door(web.hosts)) as transfers:
        yield transfers


def reason(transfers: Transfers, url: str, limits: Limits) -> str:
    with pytest.raises(Refused) as error:
        downloaded(transfers, Request(url), limits)
    return error.value.reason


def test_headers_of_one_call_are_not_those_of_the_next(web: Web, transfers: Transfers) -> None:
    url = web.give("/x", Answer(png(1)))
    for headers in ({"Authorization": "secret"}, {}):
        downloaded(transfers, Request(url, headers), Limits())
    said = [headers.get("Authorization") for _, headers in web.seen_headers]
    assert said == ["secret", None]


def test_what_is_packed_without_being_asked_for_is_unpacked(web: Web, transfers: Transfers) -> None:
    url = web.give("/x", Answer(gzip_bomb(5000), headers={"Content-Encoding": "gzip"}))
    assert downloaded(transfers, Request(url), Limits()).data == bytes(5000)
    assert web.seen_headers[0][1]["Accept-Encoding"] == "identity"


def test_an_answer_that_never_comes_is_not_asked_for_again(web: Web, transfers: Transfers) -> None:
    """libcurl repeats a request whose kept connection breaks off; our hanging up is none."""
    good, silent = web.give("/x", Answer(png(1))), web.give("/y", Answer(png(2)))
    assert downloaded(transfers, Request(good), Limits()).data == png(1)
    web.gate, web.free = threading.Event(), 0
    assert reason(transfers, silent, Limits(stall_s=0.3, max_s=20)) == "too_slow"
    web.gate.set()
    assert web.asked["/y"] == 1


@pytest.mark.parametrize("status", [200, 404, None])
def test_an_error_is_gone_when_nobody_holds_it(
    web: Web, transfers: Transfers, status: int | None
) -> None:
    """It may hold half a body; whether it waits for the garbage collector must not matter."""
    url = web.give("/x", Answer(bytes(5000), status=status)) if status else f"http://{HOST}:9/x"
    gc.disable()
    try:
        refused = weakref.ref(_refused(transfers, url, Limits(max_mb=0.001)))
        assert refused() is None
    finally:
        gc.enable()


def _refused(transfers: Transfers, url: str, limits: Limits) -> Refused:
    try:
        downloaded(transfers, Request(url), limits)
    except Refused as error:
        return error
    raise AssertionError(f"{url} was not refused")


def test_time_ends_a_call(web: Web, transfers: Transfers) -> None:
    url = web.give("/x", Answer(png(1)))
    web.gate, web.free = threading.Event(), 0
    assert reason(transfers, url, Limits(max_s=0.5)) == "too_slow"
    web.gate.set()


def certificate(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = folder / "cert.pem", folder / "key.pem"
    for path, data in zip(paths, (made.public_bytes(pem), secret), strict=True):
        path.write_bytes(data)
    return paths


@pytest.mark.parametrize(
    ("name", "is_trusted", "end"),
    [(NAME, True, "ok"), (NAME, False, "no_answer"), ("other.example", True, "no_answer")],
)
def test_tls_proves_the_name_of_the_host(
    name: str, is_trusted: bool, end: str, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificate(name, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    web.give("/x", Answer(png(1)))
    if is_trusted:
        monkeypatch.setitem(module._SETTINGS, pycurl.CAINFO, str(cert))
    url, door = f"https://{NAME}/x", Door({NAME: web.hosts[HOST]})
    with transferring(door) as transfers:
        if end == "ok":
            assert downloaded(transfers, Request(url), Limits()).data == png(1)
        else:
            assert reason(transfers, url, Limits(max_s=5)) == end
    assert bool(web.asked) == (end == "ok")


def test_a_slow_connection_takes_no_longer_than_a_silence(transfers: Transfers) -> None:
    """No packet is answered by an address of RFC 5737."""
    transfers.door = Door(private_hosts=["far.invalid"], resolver=lambda h, p: ["192.0.2.7"])
    assert reason(transfers, "http://far.invalid/", Limits(stall_s=0.5, max_s=60)) == "no_answer"
