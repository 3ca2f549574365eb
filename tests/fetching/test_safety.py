import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fetching.asking import downloaded, transferring
from tests.fetching.web import Answer, Web, png

from memegan.fetching.download import Limits
from memegan.fetching.reasons import Refused
from memegan.fetching.safety import Door, check
from memegan.sources.base import Request

INNER = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
    *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "2001::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "2002:7f00:1::", "64:ff9b::7f00:1"),
]


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_refused_however_they_are_dressed(address: str) -> None:
    with pytest.raises(Refused) as error:
        check(address)
    assert error.value.reason == "blocked_address"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_public_addresses_pass(address: str) -> None:
    check(address)


def reason_of(door: Door, url: str) -> str:
    with transferring(door) as web, pytest.raises(Refused) as error:
        downloaded(web, Request(url), Limits(max_s=2, stall_s=1))
    return error.value.reason


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"]])
def test_one_private_answer_of_the_name_server_is_enough_to_refuse(answer: list[str]) -> None:
    door = Door(resolver=lambda host, port: answer)
    assert reason_of(door, "http://rebinding.example/x.png") == "blocked_address"


def test_a_name_is_resolved_once_a_connection(web: Web) -> None:
    """A second answer, the private one of a rebinding, is never asked for."""
    answers = iter([["127.0.0.1"]])
    door = Door(private_hosts=["near.invalid"], resolver=lambda h, p: next(answers))
    web.give("/x", Answer(png(1)))
    with transferring(door) as transfers:
        for _ in range(3):  # the connection is kept
            url = f"http://near.invalid:{web.server_port}/x"
            assert downloaded(transfers, Request(url), Limits()).data == png(1)


def test_ports_of_other_services_are_refused() -> None:
    door = Door(resolver=lambda host, port: ["93.184.215.14"])
    assert reason_of(door, "http://mail.example:25/") == "blocked_address"


def test_the_environments_proxy_is_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = web.give("/x", Answer(png(1)))
    with transferring(Door(web.hosts)) as transfers:
        assert downloaded(transfers, Request(url), Limits()).data == png(1)


def no_name_server(host: str, port: int) -> list[str]:
    host.encode("idna")  # as getaddrinfo does
    raise OSError("no network in tests")


@given(st.text(max_size=40).map(lambda t: f"http://{t}") | st.text(max_size=60))
@example("http://[::1")
@example("http://a:b/")
@example("http://" + "a" * 70 + ".example/")
@example("http://user:pass@/x")
@example("http://0x7f.1:99999/")
@example("https:///x")
def test_no_text_is_more_than_a_refused_url(url: str) -> None:
    assert reason_of(Door(resolver=no_name_server), url) in ("blocked_address", "no_answer")
