"""The community as a client on a socket meets it."""

import csv
import http.client
import io
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import av
import pytest
from PIL import Image, ImageChops, ImageOps

from memegan.demo.community import COMMUNITIES, HOST, VIDEOS, counterpart, demo_community
from memegan.demo.world import draw, scene
from memegan.errors import SourceError


class Client:
    """Asks over one plain connection a request, following nothing."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, url: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""))
            answer = connection.getresponse()
            headers = {key.lower(): value for key, value in answer.getheaders()}
            try:
                return answer.status, headers, answer.read()
            except http.client.IncompleteRead as broken:
                return answer.status, headers | {"broken": "yes"}, broken.partial
        finally:
            connection.close()

    def wall(self, name: str, offset: int = 0, count: int = 100) -> dict[str, object]:
        found = self.get(f"/method/wall.get?domain={name}&offset={offset}&count={count}&v=5.199")[2]
        answer: dict[str, object] = json.loads(found)
        return answer

    def media(self, name: str, number: int) -> tuple[int, dict[str, str], bytes]:
        """Ask for the first picture of a post."""
        answer = self.wall(name, number, 1)
        return self.get(first_url(answer["response"]["items"][0]))  # type: ignore[index]  # JSON


def first_url(post: dict[str, object]) -> str:
    """Return the largest file of a post's first attachment."""
    origin = post["copy_history"][0] if "copy_history" in post else post  # type: ignore[index]  # JSON
    one = origin["attachments"][0]  # type: ignore[index]  # JSON
    if one["type"] == "video":
        return str(one["video"]["files"]["src"])
    return str(max(one["photo"]["sizes"], key=lambda size: size["width"])["url"])


@pytest.fixture
def client() -> Iterator[Client]:
    with demo_community() as hosts:
        yield Client(hosts[HOST])


def trouble_at(name: str, trouble: str) -> int:
    """Return the first post whose picture has this trouble."""
    return next(n for n, kind in COMMUNITIES[name].every.items() if kind == trouble)


def opened(data: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference of the pixels, 0..255."""
    histogram = ImageChops.difference(a, b.resize(a.size)).convert("L").histogram()
    return sum(level * count for level, count in enumerate(histogram)) / sum(histogram)


def test_the_wall_is_read_in_pages_of_at_most_a_hundred(client: Client) -> None:
    first = client.wall("holiday_photos", count=999)["response"]
    assert (first["count"], len(first["items"])) == (500, 100)  # type: ignore[index]  # JSON
    assert [post["id"] for post in first["items"]] == list(range(1, 101))  # type: ignore[index]  # JSON


def test_the_second_page_is_asked_for_too_fast_once(client: Client) -> None:
    assert client.wall("blobface_memes", 100)["error"]["error_code"] == 6  # type: ignore[index]  # JSON
    assert "response" in client.wall("blobface_memes", 100)


@pytest.mark.parametrize("query", ["domain=nobody", "domain=demo_tv&offset=x", "offset=-1", ""])
def test_a_wrong_question_is_answered_with_an_error_and_status_200(
    client: Client, query: str
) -> None:
    status, _, body = client.get(f"/method/wall.get?{query}")
    assert (status, json.loads(body)["error"]["error_code"]) == (200, 100)


def test_galleries_reposts_and_adult_posts_are_on_the_wall(client: Client) -> None:
    posts = client.wall("everything_memes")["response"]["items"]  # type: ignore[index]  # JSON
    assert any(len(post["attachments"]) == 2 for post in posts)
    assert any("copy_history" in post and not post["attachments"] for post in posts)
    assert [post["id"] for post in posts if post["marked_as_adult"]] == [61]


STATUS = {"gone": 404, "removed_410": 410, "busy": 429, "unavailable": 503}
LOCATION = {
    "to_private": "http://10.0.0.1/secret.png",
    "to_loopback": "http://127.0.0.1/secret.png",
    "to_file": "file:///secret.png",
}


@pytest.mark.parametrize("trouble", STATUS)
def test_a_dead_or_busy_link_says_so(client: Client, trouble: str) -> None:
    number = trouble_at("everything_memes", trouble)
    status, headers, _ = client.media("everything_memes", number)
    again, _, body = client.media("everything_memes", number)
    passes = trouble in ("busy", "unavailable")
    assert status == STATUS[trouble]
    assert ("retry-after" in headers) == passes
    assert again == (200 if passes else STATUS[trouble])
    assert not passes or opened(body).size == (128, 128)


@pytest.mark.parametrize("trouble", LOCATION)
def test_a_redirect_leads_where_nobody_may_follow(client: Client, trouble: str) -> None:
    status, headers, _ = client.media("everything_memes", trouble_at("everything_memes", trouble))
    assert (status, headers["location"]) == (302, LOCATION[trouble])


def test_one_redirect_leads_to_the_picture_and_one_to_itself(client: Client) -> None:
    moved = client.media("everything_memes", trouble_at("everything_memes", "moved"))[1]["location"]
    assert client.get(moved)[0] == 200
    loop = f"/media/everything_memes/{trouble_at('everything_memes', 'loop')}-loop.jpg"
    assert client.get(loop)[1]["location"] == f"http://{HOST}{loop}"


def test_a_cut_file_is_announced_whole_or_not_at_all(client: Client) -> None:
    loud = client.media("everything_memes", trouble_at("everything_memes", "truncated"))
    silent = client.media("everything_memes", trouble_at("everything_memes", "cut_silently"))
    assert int(loud[1]["content-length"]) > len(loud[2])
    assert "content-length" not in silent[1]
    for _, _, body in (loud, silent):
        assert body.startswith(b"\xff\xd8")
        assert not body.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("trouble", "start"),
    [
        ("page", b"<!doctype html"),
        ("svg", b"<svg"),
        ("empty", b""),
        ("animated", b"GIF89a"),
        ("misnamed", b"RIFF"),
        ("bomb", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30"),
    ],
)
def test_a_file_is_not_what_its_name_says(client: Client, trouble: str, start: bytes) -> None:
    status, _, body = client.media("everything_memes", trouble_at("everything_memes", trouble))
    assert status == 200
    assert body.startswith(start)
    assert bool(body) == bool(start)
    assert len(body) < 50_000


def test_duplicates_are_of_the_picture_before(client: Client) -> None:
    """The same bytes, smaller, compressed again, and cropped by four pixels."""
    for trouble, most in (
        ("again", 0.0),
        ("smaller", 6.0),
        ("recompressed", 6.0),
        ("cropped", 40.0),
    ):
        number = trouble_at("everything_memes", trouble)
        copy = client.media("everything_memes", number)[2]
        origin = client.get(f"/media/everything_memes/{number - 1}.jpg")[2]
        assert distance(opened(origin), opened(copy)) <= most
        assert (copy == origin) == (trouble == "again")


@pytest.mark.parametrize(
    ("trouble", "mode"), [("cmyk", "CMYK"), ("palette", "P"), ("sixteen_bit", "I;16")]
)
def test_odd_pixel_formats_hold_the_picture(client: Client, trouble: str, mode: str) -> None:
    number = trouble_at("everything_memes", trouble)
    image = Image.open(io.BytesIO(client.media("everything_memes", number)[2]))
    assert (image.mode, image.size) == (mode, (128, 128))


def test_a_turned_photo_shows_its_scene_when_exif_is_obeyed(client: Client) -> None:
    number = trouble_at("holiday_photos", "rotated")
    body = client.media("holiday_photos", number)[2]
    upright = draw(scene(number), "photo", 128)
    assert distance(opened(body), upright) < 4
    assert distance(Image.open(io.BytesIO(body)).convert("RGB"), upright) > 10


def test_the_counterpart_is_the_cartoon_of_the_same_scene(client: Client) -> None:
    found = counterpart(f"http://{HOST}/media/holiday_photos/12.jpg", 64)
    assert found is not None
    assert found.tobytes() == draw(scene(12), "cartoon", 64).tobytes()
    assert counterpart(f"http://{HOST}/media/holiday_photos/19-rotated.jpg") is not None
    for other in (
        f"http://{HOST}/media/saturday_cartoons/12.png",
        "http://example.com/media/holiday_photos/12.jpg",
        f"http://{HOST}/media/holiday_photos/5000.jpg",
        "",
    ):
        assert counterpart(other) is None


def test_no_cartoon_is_the_counterpart_of_a_photo() -> None:
    photos, cartoons = COMMUNITIES["holiday_photos"], COMMUNITIES["saturday_cartoons"]
    hidden = {
        image.tobytes()
        for n in range(40)
        if (image := counterpart(f"http://{HOST}/media/holiday_photos/{n}.jpg"))
    }
    assert len(hidden) == 40
    assert hidden.isdisjoint(cartoons.picture(n).tobytes() for n in range(40))
    assert photos.posts >= 400


def test_each_url_answers_the_same_in_another_server() -> None:
    bodies = []
    for _ in range(2):
        with demo_community() as hosts:
            one = Client(hosts[HOST])
            bodies.append([one.media("everything_memes", n)[2] for n in range(12)])
    assert bodies[0] == bodies[1]


def test_a_taken_port_is_told(client: Client) -> None:
    port = int(client.address.split(":")[1])
    with pytest.raises(SourceError, match="choose another port"), demo_community(port):
        pass


def test_episodes_play_and_the_cut_one_does_not_to_its_end(client: Client) -> None:
    whole, cut = client.media("demo_tv", 0)[2], client.media("demo_tv", 3)[2]
    assert whole.startswith(cut)
    with (VIDEOS / "cuts.csv").open(encoding="utf-8") as file:
        shots = [row for row in csv.DictReader(file) if row["video"] == "0.webm"]
    count, fewer = (frames_of(data) for data in (whole, cut))
    assert fewer < count
    assert int(shots[-1]["frame"]) < count


def frames_of(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as container:
        return len(list(container.decode(video=0)))
