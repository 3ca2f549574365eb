"""What a site asks of programs: robots.txt, X-Robots-Tag and reservations of data mining."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from protego import Protego
from pydantic import Field
from urllib3 import HTTPHeaderDict

from memegan.fetching.loop import Loop, Promise
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.params import Section

AGENT = "memegan"  # what robots.txt and X-Robots-Tag call us
Fetch = Callable[[str], Awaitable[bytes]]
_NOAI = frozenset({"noai", "noimageai"})
_VALUED = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


class Rules(Section):
    """What of a site's wishes is obeyed. Turn one off only for a site that allowed it to you."""

    robots: bool = Field(default=True, description="robots.txt (RFC 9309), its Crawl-delay too")
    noai: bool = Field(default=True, description="X-Robots-Tag: noai, noimageai")
    tdm: bool = Field(
        default=True, description="tdm-reservation, in headers and /.well-known/tdmrep.json"
    )


@dataclass(frozen=True)
class Site:
    """What one site (scheme, host and port) said."""

    robots: Protego | None = None
    reserved: Protego | None = None  # written as a robots.txt that forbids what is reserved

    def check(self, url: str) -> None:
        """Refuse a url that is not for us.

        Raises:
            Refused: forbidden.
        """
        if self.robots is not None and not self.robots.can_fetch(url, AGENT):
            raise Refused("forbidden", "robots.txt")
        if self.reserved is not None and not self.reserved.can_fetch(url, AGENT):
            raise Refused("forbidden", "tdmrep.json reserves it")


@dataclass
class Sites:
    """The rules of all sites, each asked for once a run."""

    rules: Rules
    slow_down: Callable[[str, float], None]  # called with a host and its Crawl-delay in seconds
    known: dict[str, Site | Refused] = field(default_factory=dict)
    asking: dict[str, Promise[None]] = field(default_factory=dict)

    async def check(self, loop: Loop, url: str, fetch: Fetch) -> None:
        """Refuse a url whose site forbids it; `fetch` gets the site's two files.

        Raises:
            Refused: forbidden, or why the rules could not be read: then nothing is asked for.
        """
        if not (self.rules.robots or self.rules.tdm):
            return
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if site in self.asking:  # the others wait for the first
            await self.asking[site]
        if site not in self.known:
            self.asking[site] = Promise(loop)
            try:
                self.known[site] = await self._asked(site, parts.hostname or "", fetch)
            finally:
                self.asking.pop(site).keep(None)
        found = self.known[site]
        if isinstance(found, Refused):
            raise Refused(found.reason, f"robots.txt of {site}")
        found.check(url)

    async def _asked(self, site: str, host: str, fetch: Fetch) -> Site | Refused:
        robots = reserved = None
        try:
            if self.rules.robots:
                robots = Protego.parse(await _text(fetch, f"{site}/robots.txt"))
                if delay := robots.crawl_delay(AGENT):
                    self.slow_down(host, delay)
            if self.rules.tdm:
                listed = await _text(fetch, f"{site}/.well-known/tdmrep.json")
                reserved = Protego.parse(_as_robots(listed))
        except Refused as error:
            return error
        return Site(robots, reserved)


def check_headers(rules: Rules, headers: HTTPHeaderDict) -> None:
    """Refuse an answer whose headers say that it is not for us.

    Raises:
        Refused: forbidden.
    """
    tags = [tag for line in headers.getlist("X-Robots-Tag") for tag in _tags(line)]
    if rules.noai and (said := _NOAI.intersection(tags)):
        raise Refused("forbidden", f"X-Robots-Tag: {', '.join(sorted(said))}")
    if rules.tdm and "1" in (line.strip() for line in headers.getlist("TDM-Reservation")):
        raise Refused("forbidden", "tdm-reservation: 1")


def _tags(line: str) -> list[str]:
    """Return the words of one X-Robots-Tag line, if it speaks to everyone or to us."""
    agent, colon, rest = line.partition(":")
    agent = agent.strip().lower()
    if colon and re.fullmatch(r"[\w-]+", agent) and agent not in _VALUED:
        if agent != AGENT:
            return []
        line = rest
    return [word.strip().lower() for word in line.split(",")]


async def _text(fetch: Fetch, url: str) -> str:
    """Return a site's file; "" where it has none (RFC 9309, 2.3.1.3).

    Raises:
        Refused: the site cannot be asked at all now (RFC 9309, 2.3.1.4), or must not be.
    """
    try:
        return (await fetch(url)).decode(errors="replace")
    except Refused as error:
        if error.reason in TRANSIENT or error.reason == "blocked_address":
            raise
        return ""


def _as_robots(listed: str) -> str:
    """Write tdmrep.json (W3C TDMRep, 6.1) as a robots.txt: its locations match in the same way."""
    try:
        entries = json.loads(listed) if listed else []
        words = [
            f"{'Disallow' if entry.get('tdm-reservation') == 1 else 'Allow'}: {place}"
            for entry in entries
            if (place := str(entry["location"])).isprintable()
        ]
    except (ValueError, TypeError, LookupError, AttributeError):
        return ""  # a page that is no list reserves nothing
    return "\n".join(["User-agent: *", *words])
