import hashlib
from pathlib import Path

import pytest
from tests.fetching.web import png
from tests.sources.service import Reply, no_network, scrape, serving

from memegan.errors import SourceError
from memegan.sources.base import Media, Post
from memegan.sources.urls import UrlsSource


@pytest.fixture(autouse=True)
def inputs() -> None:
    Path("data/inputs").mkdir(parents=True, exist_ok=True)


def posts(name: str, text: str, **more: object) -> list[Post]:
    path = Path("data/inputs", name)
    path.write_text(text, encoding="utf-8")
    about = {"kind": "urls", "community": "list", "domain": "face", "path": path}
    return list(UrlsSource.model_validate({**about, **more}).posts(no_network))


def test_a_text_file_holds_one_url_a_line() -> None:
    found = posts("a.txt", "\ufeff# mine\nhttp://a.example/1.png\n\n http://a.example/2.png \n")
    assert [post.media for post in found] == [
        (Media("http://a.example/1.png"),),
        (Media("http://a.example/2.png"),),
    ]


def test_a_csv_brings_checksums_rectangles_alternates_and_its_own_columns() -> None:
    (post,) = posts(
        "a.csv",
        "url,md5,sha256,rect,alternates,caption,person\n"
        'http://a/1,AB,CD,"1,2,30,40",http://b/1 http://c/1,"hi, there",Ada\n',
    )
    assert post.media == (
        Media("http://a/1", ("http://b/1", "http://c/1"), "AB", "CD", (1, 2, 30, 40)),
    )
    assert (post.text, post.extra) == ("hi, there", {"person": "Ada"})


def test_pubfig_is_read_as_it_is_published() -> None:
    """Version 1.2: two comment lines, the second with the columns, then tabs."""
    text = (
        "# PubFig Dataset v1.2 - eval_urls.txt\n# person\timagenum\turl\trect\tmd5sum\n"
        "Aaron Eckhart\t1\thttp://a.example/1.jpg\t164,99,372,307\t8a8e\n"
        "Aaron Eckhart\t3\thttp://a.example/3.jpg\t10,20,30,40\t\n"
    )
    first, second = posts("eval_urls.txt", text)
    assert first.media == (Media("http://a.example/1.jpg", md5="8a8e", rect=(164, 99, 372, 307)),)
    assert second.extra == {"person": "Aaron Eckhart", "imagenum": "3"}


def test_a_doubled_line_is_one_post_but_two_rectangles_of_a_picture_are_two() -> None:
    rows = ["http://a/1,", "http://a/1,", 'http://a/1,"0,0,5,5"']
    found = posts("a.csv", "\n".join(["url,rect", *rows]))
    assert len(found) == len({post.id for post in found}) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "link\nhttp://a/1\n", "no column 'url'"),
        ("a.csv", "url,rect\n,\n", "no url in this line\n  where: data/inputs/a.csv, line 2"),
        ("a.csv", 'url,rect\nhttp://a/1,"1,2,3"\n', "is not x0,y0,x1,y1"),
    ],
)
def test_a_list_that_cannot_be_meant_is_told_with_its_line(name: str, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        posts(name, text)


def test_a_whole_scrape_of_pubfig_proves_checksums_and_tries_the_alternates() -> None:
    right, wrong = hashlib.md5(png(1)).hexdigest(), "0" * 32
    with serving(lambda asked: Reply(b"gone", 404)) as web:
        rows = [
            f"Ada\t1\t{web.url}/1.png\t0,0,4,4\t{right}\t",
            f"Ada\t2\t{web.url}/2.png\t0,0,4,4\t{wrong}\t",
            f"Ada\t3\t{web.url}/lost.png\t\t{right}\t{web.url}/2.png {web.url}/01.png",
            f"Ada\t4\t{web.url}/dead.png\t\t\t",
        ]
        header = "# PubFig\n# person\timagenum\turl\trect\tmd5sum\talternates\n"
        Path("data/inputs/dev_urls.txt").write_text(header + "\n".join(rows))
        done = scrape({"kind": "urls", "community": "x", "path": "data/inputs/dev_urls.txt"})
    assert done.code == 0, done.said
    found = [(row.status, row.reason, row.rect) for row in done.fetches]
    assert found[:2] == [("ok", "", "0,0,4,4"), ("failed", "checksum", "0,0,4,4")]
    assert found[2:] == [("ok", "", ""), ("failed", "gone", "")]
    assert done.fetches[2].final_url.endswith("/01.png")
    assert [post.extra["imagenum"] for post in done.posts] == ["1", "2", "3", "4"]


def test_dates_marks_and_small_rectangles_of_a_list_are_understood() -> None:
    text = (
        "url,posted_at,permalink,is_adult,rect\n"
        'http://a/1,2025-11-20T00:00:00Z,http://a/post/1,1,"0,0,500,90"\n'
        'http://a/2,2025-11-21T00:00:00Z,,0,"0,0,500,400"\n'
        "http://a/3,,,,\n"
    )
    first, second, _ = posts("a.csv", text, min_size_px=100)
    assert (first.is_adult, first.permalink, first.media) == (True, "http://a/post/1", ())
    assert first.extra == {"left_out": "1 too small"}
    assert not second.is_adult
    late = posts("a.csv", text, since="2025-11-21")
    assert [post.media[0].url for post in late] == ["http://a/2"]
    assert len(posts("a.csv", text, until="2025-11-21")) == 2
