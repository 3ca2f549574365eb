from pathlib import Path

import pytest

from memegan.errors import SourceError
from memegan.sources.base import Media, Post, Request
from memegan.sources.urls import UrlsSource


def no_network(request: Request) -> bytes:
    raise AssertionError(request)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/inputs").mkdir(parents=True)


def posts(name: str, text: str) -> list[Post]:
    path = Path("data/inputs", name)
    path.write_text(text, encoding="utf-8")
    source = UrlsSource(kind="urls", community="list", domain="face", path=path)
    return list(source.posts(no_network))


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
