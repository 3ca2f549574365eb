"""The report: one page that needs no network, trusts no word, and tells all that it should."""

import base64
import csv
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.report.project import HOSTILE, metric, picture, project, run

from memegan.errors import DataError
from memegan.report.page import ReportParams, build, comparable, leaderboard, write_leaderboard

P = ReportParams(title="ours", gallery=2, grids=3)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "br", "link", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.open else ""

    def all(self, *tags: str) -> Iterator[dict[str, str]]:
        yield from (attributes for tag, attributes in self.elements if tag in tags)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    project(folder)
    return folder


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return build(P, ["first", "second"], root)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nothing_is_fetched_from_anywhere(page: Page, html: str) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "audio"}
    asked = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"}
    for _, attributes in page.elements:
        for name in asked & set(attributes):
            assert attributes[name].startswith(("data:image/", "#"))
        assert not re.search(r"url\((?!['\"]?#)", attributes.get("style", ""))
        assert not [name for name in attributes if name.startswith("on")]
    (style,) = re.findall("<style>(.*?)</style>", html.split("<body>")[0], re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_words_are_text_and_nothing_else(page: Page, html: str) -> None:
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html
    assert page.text.count(HOSTILE) >= 5  # community twice, note of each run, credit


def test_a_hostile_title_and_loss_are_text_too(tmp_path: Path) -> None:
    project(tmp_path)
    curve = tmp_path / "plots/train/first.csv"
    curve.write_text("images_seen,--><script>alert(1)</script>\n1,2\n2,3\n")
    html = build(ReportParams(title=HOSTILE), ["first"], tmp_path)
    assert "<script" not in html
    assert HOSTILE in Page(html).text


def test_a_run_shorter_than_its_first_log_line_has_no_empty_chart(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "plots/train/first.csv").write_text("images_seen,gan\n")
    html = build(P, ["first", "second"], tmp_path)
    assert "log_every_images</code>" in html
    assert html.count("<svg") == 1  # of the other run


def test_every_element_is_closed_in_its_turn(page: Page) -> None:
    assert page.open == []


def test_the_page_says_its_language_and_title_and_fits_small_screens(page: Page) -> None:
    assert next(page.all("html"))["lang"] == "en"
    assert "ours: report" in page.text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    assert {"charset": "utf-8"} in page.all("meta")


def test_every_picture_has_words_of_its_own(page: Page) -> None:
    words = [attributes["alt"] for attributes in page.all("img")]
    assert len(words) == 3 + 2 * (1 + P.grids)  # two and one training pictures; test, grids
    assert all(len(text) > 10 for text in words)
    drawn = [a for a in page.all("div") if a.get("class") == "curve"]
    assert [(a["role"], a["aria-label"]) for a in drawn] == [
        ("img", f"losses of {name} by images seen") for name in ("first", "second")
    ]


def test_headings_go_down_one_level_at_a_time_and_there_is_one_first(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_what_went_in_and_what_was_left_out_is_told(html: str) -> None:
    flow = re.findall(r"<li><b>(\d+)</b>(.*?)</li>", html)
    assert flow == [
        ("3", "urls"),
        ("1", "files"),
        ("1", "frames kept"),
        ("5", "after dedup"),
        ("4", "selected"),
        ("4", "in the manifest"),
    ]
    drops = re.findall(r'<td>(\w+)</td><td>(\w+)</td><td class="n">(\d+)</td></tr>', html)
    assert drops == [
        ("dedup", "same", "1"),
        ("dedup", "truncated", "1"),
        ("frames", "blurred", "1"),
        ("scrape", "gone", "2"),
    ]


def test_a_run_shows_its_key_curve_metrics_and_how_to_make_it_again(page: Page, html: str) -> None:
    assert "0123456789abcdef" in page.text
    assert "dvc repro train@first evaluate@first" in page.text
    assert "make repro" in page.text
    assert html.count("<svg") == 2
    cells = '<td class="n">0.5</td><td class="n">0.4 to 0.6</td><td class="n">0.05</td><td>lower'
    assert f"<td>swd</td>{cells}" in html


def test_grids_are_spread_over_the_training_and_the_last_is_among_them(html: str) -> None:
    first = html.split("Run: second")[0]
    shown = [int(n) for n in re.findall(r"<figcaption>after (\d+) images", first)]
    assert shown == [0, 400, 800]


@pytest.mark.parametrize("grids", [1, 2, 4, 9, 50])
def test_any_number_of_grids_ends_with_the_last(root: Path, grids: int) -> None:
    html = build(ReportParams(grids=grids), ["first"], root)
    shown = [int(n) for n in re.findall(r"<figcaption>after (\d+) images", html)]
    assert shown == sorted(set(shown))
    assert shown[-1] == 800
    assert len(shown) == min(grids, 9)


def test_the_same_files_give_the_same_bytes(html: str, root: Path, tmp_path: Path) -> None:
    assert build(P, ["first", "second"], root) == html
    project(tmp_path)
    assert build(P, ["first", "second"], tmp_path) == html
    for hint in (str(root), str(tmp_path)):
        assert hint not in html


@pytest.mark.parametrize(
    "missing",
    [
        "metrics/eval/first.json",
        "metrics/train/first.json",
        "models/first/model.json",
        "plots/train/first.csv",
        "plots/eval/first/test.png",
        "data/manifest.csv",
        "data/raw/fetches.csv",
        "data/dedup/duplicates.csv",
    ],
)
def test_a_missing_piece_is_named_with_its_way_back(tmp_path: Path, missing: str) -> None:
    project(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=r"run: dvc repro \(or dvc pull\)") as caught:
        build(P, ["first"], tmp_path)
    assert caught.value.where == str(tmp_path / missing)


def test_damaged_json_is_named(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "metrics/eval/first.json").write_text('{"swd": ')
    with pytest.raises(DataError, match="it is not JSON"):
        build(P, ["first"], tmp_path)


def test_a_project_without_runs_has_a_page_of_its_data(root: Path) -> None:
    page = Page(build(P, [], root))
    assert "Where the rest went" in page.text
    assert "Run:" not in page.text


def test_the_best_is_first_by_the_metrics_own_direction(root: Path) -> None:
    rows = leaderboard(["first", "second"], root)
    assert [(r["metric"], r["run"]) for r in rows] == [
        ("psnr_truth", "second"),
        ("psnr_truth", "first"),
        ("swd", "second"),
        ("swd", "first"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_real", 41),
        ("n_fake", 39),
        ("size_px", 32),
        ("encoder", "inception"),
        ("resizer", "lanczos"),
    ],
)
def test_numbers_of_another_count_size_or_encoder_never_stand_together(
    tmp_path: Path, name: str, value: object
) -> None:
    run(tmp_path, "one", {"swd": metric(0.5)})
    run(tmp_path, "two", {"swd": metric(0.4)})
    run(tmp_path, "other", {"swd": metric(0.3, **{name: value})})
    groups = comparable(leaderboard(["one", "other", "two"], tmp_path))
    assert sorted([r["run"] for r in group] for group in groups) == [["other"], ["two", "one"]]


def test_numbers_of_other_data_never_stand_together(tmp_path: Path) -> None:
    run(tmp_path, "one", {"swd": metric(0.5)})
    run(tmp_path, "memes", {"swd": metric(0.4)}, {"a": "meme"})
    groups = comparable(leaderboard(["one", "memes"], tmp_path))
    assert sorted(group[0]["data"] for group in groups) == ["a: meme", "a: photo, b: cartoon"]


def test_groups_of_the_leaderboard_are_parted_on_the_page(tmp_path: Path) -> None:
    names = project(tmp_path)
    run(tmp_path, "large", {"swd": metric(0.1, size_px=64)})
    html = build(P, [*names, "large"], tmp_path).split("Side by side")[1]
    bodies = re.findall("<tbody>(.*?)</tbody>", html, re.DOTALL)
    runs = [re.findall(r"<tr><td>(\w+)</td><td>(\w+)</td>", body) for body in bodies]
    assert runs == [
        [("psnr_truth", "second"), ("psnr_truth", "first")],
        [("swd", "second"), ("swd", "first")],
        [("swd", "large")],
    ]


def test_the_leaderboard_file_has_a_line_a_run_and_metric(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "report/leaderboard.csv"
    write_leaderboard(path, leaderboard(["first", "second"], root))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["metric"], r["run"], r["value"]) for r in rows] == [
        ("psnr_truth", "second", "24"),
        ("psnr_truth", "first", "20"),
        ("swd", "second", "0.3"),
        ("swd", "first", "0.5"),
    ]
    assert {r["n_real"] for r in rows} == {"40"}
    before = path.read_bytes()
    write_leaderboard(path, leaderboard(["first", "second"], root))
    assert path.read_bytes() == before
    assert b"\r" not in before


def test_a_metric_without_a_floor_has_an_empty_cell(tmp_path: Path) -> None:
    project(tmp_path)
    run(tmp_path, "third", {"swd": metric(0.25, floor=None)})
    html = build(P, ["third"], tmp_path)
    assert '0.15 to 0.35</td><td class="n"></td>' in html
    write_leaderboard(tmp_path / "l.csv", leaderboard(["third"], tmp_path))
    assert "swd,third,0.25,0.15,0.35,,False" in (tmp_path / "l.csv").read_text()


def test_pictures_on_the_page_are_those_of_the_packs(html: str) -> None:
    assert base64.b64encode(picture(0)).decode() in html
    assert base64.b64encode(picture(3)).decode() not in html  # of the test side
