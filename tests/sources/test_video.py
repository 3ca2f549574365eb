"""Videos by yt-dlp: a script that speaks as it does takes its place, or it is there."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.sources.service import ROOT, Reply, no_network, scrape, serving

from memegan.errors import SourceError
from memegan.sources.base import Post
from memegan.sources.video import VideoSource

CLIP = ROOT / "src/memegan/demo/videos/1.webm"
PAGE = "http://a.example/watch/"
KNOWN = {"kind": "video", "community": "tv", "terms_accepted": True}


def program(listing: dict[str, dict[str, Any]]) -> Path:
    """Put a script called yt-dlp first in the PATH; `listing` is what it knows of each url."""
    folder = Path("bin").resolve()
    folder.mkdir(exist_ok=True)
    script = folder / "yt-dlp"
    script.write_text(f"""#!{sys.executable}
import json, pathlib, shutil, sys
listing, url, given = json.loads({json.dumps(listing)!r}), sys.argv[-1], sys.argv[1:]
with open({str(folder / "called")!r}, "a") as file:
    file.write(json.dumps(given) + "\\n")
if "-J" in given and url in listing:
    print(json.dumps(listing[url]))
elif "-o" in given and "gone" not in url:
    name = given[given.index("-o") + 1].replace("%(ext)s", "webm")
    path = pathlib.Path(given[given.index("-P") + 1], name)
    shutil.copy({str(CLIP)!r}, path)
    if "broken" in url:
        path.rename(f"{{path}}.part")
        sys.exit("ERROR: [download] connection reset")
else:
    sys.exit("ERROR: [site] Video unavailable")
""")
    script.chmod(0o755)
    return folder


def called() -> list[list[str]]:
    return [json.loads(line) for line in Path("bin/called").read_text().splitlines()]


def video(number: int, **more: object) -> dict[str, Any]:
    about = {"id": str(number), "webpage_url": f"{PAGE}{number}", "extractor_key": "Site"}
    return {**about, "title": f"t{number}", "timestamp": 1_763_719_200, **more}


def source(*urls: str, **more: object) -> VideoSource:
    return VideoSource.model_validate({**KNOWN, "domain": "cartoon", "urls": urls, **more})


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}")

    def found(listing: dict[str, dict[str, Any]], **more: object) -> list[Post]:
        program(listing)
        return list(source(*listing, **more).posts(no_network))

    return found


def test_a_whole_scrape_brings_each_video_once_and_tells_of_those_that_are_gone() -> None:
    odd = {f"{PAGE}{n}": video(2, id=n, webpage_url=f"{PAGE}{n}") for n in ("gone", "broken")}
    good = {f"{PAGE}{n}": video(n) for n in (1, 3)}
    folder = program({**good, **odd})
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    for _ in range(2):
        done = scrape({**KNOWN, "urls": [*good, *odd]}, PATH=path)
        assert done.code == 0, done.said
        assert [(row.url, row.reason, row.content_type) for row in done.fetches] == [
            (f"{PAGE}1", "", "video/webm"),
            (f"{PAGE}3", "duplicate", "video/webm"),
            (f"{PAGE}gone", "gone", ""),
            (f"{PAGE}broken", "gone", ""),
        ]
    assert "Video unavailable" in done.said
    brought = [given for given in called() if "-o" in given]
    assert [given[-1] for given in brought] == [*good, *odd, *odd]
    assert all("res:720,proto:https" in given for given in brought)
    assert len([given for given in called() if "-J" in given]) == 4  # listed once a snapshot


@pytest.mark.skipif(not shutil.which("yt-dlp"), reason="yt-dlp is optional")
def test_the_program_itself_is_understood() -> None:
    with serving(
        lambda asked: Reply(CLIP.read_bytes(), headers={"Content-Type": "video/webm"})
    ) as w:
        clips = source(f"{w.url}/clip.webm")
        (post,) = clips.posts(no_network)
        file = clips.request(post.media[0].url).file
    assert post.id == "generic-clip"
    assert file is not None
    assert file.read_bytes() == CLIP.read_bytes()


def test_playlists_inside_playlists_are_flat_and_each_video_is_one_post(posts: Any) -> None:  # noqa: ANN401
    entries = [{"_type": "url", "id": "7", "url": f"{PAGE}7", "ie_key": "Site"}, video(8)]
    tab = {"_type": "playlist", "entries": entries}
    channel = {"_type": "playlist", "entries": [tab, {"_type": "playlist", "entries": [video(8)]}]}
    found = posts({"http://a.example/c": channel}, limit=5)
    assert [post.id for post in found] == ["site-7", "site-8"]
    assert [post.media[0].url for post in found] == [f"{PAGE}7", f"{PAGE}8"]
    assert called()[0][-4:] == ["--playlist-end", "5", "--", "http://a.example/c"]


def test_dates_ages_and_licences_are_read(posts: Any) -> None:  # noqa: ANN401
    about = {"age_limit": 18, "license": "CC BY", "timestamp": None, "upload_date": "20251121"}
    (post,) = posts({f"{PAGE}1": video(1, **about)})
    assert (post.posted_at, post.is_adult) == ("2025-11-21T00:00:00Z", True)
    assert post.extra == {"licence": "CC BY"}


def test_when_no_page_can_be_listed_the_program_is_quoted(posts: Any) -> None:  # noqa: ANN401
    program({})
    with pytest.raises(SourceError, match=r"yt-dlp failed: ERROR: \[site\] Video unavailable"):
        list(source(f"{PAGE}1", f"{PAGE}2").posts(no_network))


def test_without_the_program_its_page_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceError, match=r"no program yt-dlp[^!]*docs/sources/video\.md"):
        list(source(f"{PAGE}1").posts(no_network))
    with pytest.raises(SourceError, match="no program yt-dlp"):
        source(f"{PAGE}1").request(f"{PAGE}1")


@pytest.mark.parametrize("urls", [[], ["--exec=x"], ["file:///etc/hosts"]])
def test_only_web_addresses_are_videos(urls: list[str]) -> None:
    with pytest.raises(ValidationError):
        source(*urls)
