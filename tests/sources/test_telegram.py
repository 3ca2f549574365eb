"""Exports of Telegram Desktop: one chat or all, texts in parts, files that are missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fetching.web import png
from tests.sources.service import no_network, scrape

from memegan.errors import SourceError
from memegan.sources.base import Post
from memegan.sources.telegram import TelegramSource

EXPORT = Path("data/inputs/cats")
MISSING = "(File not included. Change data exporting settings to download.)"


def message(number: int, **more: object) -> dict[str, Any]:
    about = {"id": number, "type": "message", "date": "2025-11-21T12:00:00", "from": "Ada"}
    return {**about, "date_unixtime": str(1_763_719_200 + number), "text": "", **more}


def chat(*messages: dict[str, Any], name: str = "cats", number: int = 7) -> dict[str, Any]:
    return {"name": name, "type": "public_channel", "id": number, "messages": list(messages)}


def written(export: object) -> None:
    (EXPORT / "photos").mkdir(parents=True, exist_ok=True)
    (EXPORT / "result.json").write_text(json.dumps(export), encoding="utf-8")


def source(**more: object) -> TelegramSource:
    about = {"kind": "telegram", "community": "cats", "domain": "meme", "path": EXPORT}
    return TelegramSource.model_validate({**about, "terms_accepted": True, **more})


def posts(export: object, **more: object) -> list[Post]:
    written(export)
    return list(source(**more).posts(no_network))


def names(post: Post) -> list[str]:
    return [m.url.removeprefix(f"file:{EXPORT.as_posix()}/") for m in post.media]


def test_a_whole_scrape_reads_photos_and_files_in_the_order_of_the_chat() -> None:
    photo, file = "photos/photo_1@21-11-2025_12-00-00.jpg", "files/a b.png"
    written(
        chat(
            {"id": 1, "type": "service", "action": "create_channel", "text": ""},
            message(2, photo=photo, width=8, height=8, text="first"),
            message(3, file=file, thumbnail=f"{file}_thumb.jpg", mime_type="image/png"),
            message(4, photo="photos/gone.jpg"),
        )
    )
    (EXPORT / "files").mkdir()
    (EXPORT / photo).write_bytes(png(1))
    (EXPORT / file).write_bytes(png(2))
    about = {"kind": "telegram", "community": "cats", "terms_accepted": True}
    done = scrape({**about, "path": EXPORT.as_posix()})
    assert done.code == 0, done.said
    assert [(row.status, row.reason) for row in done.fetches] == [
        ("ok", ""),
        ("ok", ""),
        ("failed", "gone"),
    ]
    assert done.fetches[1].url == "file:data/inputs/cats/files/a%20b.png"
    assert [post.text for post in done.posts] == ["first", "", ""]
    assert done.posts[0].posted_at == "2025-11-21T10:00:02Z"


def test_a_text_in_parts_is_one_text_and_nobody_is_named() -> None:
    parts = ["see ", {"type": "link", "text": "http://a"}, {"type": "bold", "text": "!"}]
    (post,) = posts(chat(message(1, photo="1.jpg", text=parts, forwarded_from="Ada")))
    assert (post.text, post.extra) == ("see http://a!", {"is_forward": "1"})
    assert "Ada" not in repr(post)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"photo": MISSING}, "1 photo not exported"),
        ({"file": MISSING, "media_type": "video_file"}, "1 video_file not exported"),
        ({"file": "a.webp", "media_type": "sticker"}, "1 sticker"),
        ({"file": "a.ogg", "media_type": "voice_message"}, "1 voice_message"),
        ({"file": "a.pdf", "mime_type": "application/pdf"}, "1 application"),
        ({"photo": "a.jpg", "width": 300, "height": 99}, "1 too small"),
        ({"photo": "../../../params.yaml"}, "1 file outside the export"),
        ({"photo": "/etc/hosts"}, "1 file outside the export"),
        ({"photo": "a\0b"}, "1 file outside the export"),
        ({"photo": "photos/away/x.png"}, "1 file outside the export"),
    ],
)
def test_what_is_left_out_is_accounted_for(about: dict[str, object], why: str) -> None:
    written({})
    if not (EXPORT / "photos/away").exists():
        (EXPORT / "photos/away").symlink_to(Path.cwd())
    (post,) = posts(chat(message(1, **about)), min_size_px=100)
    assert (post.media, post.extra) == ((), {"left_out": why})


def test_stickers_animations_and_videos_come_where_they_are_wanted() -> None:
    files = [
        message(1, file="s.webp", media_type="sticker"),
        message(2, file="a.mp4", media_type="animation", mime_type="video/mp4"),
        message(3, file="v.mp4", media_type="video_file", mime_type="video/mp4"),
    ]
    found = [names(post) for post in posts(chat(*files), stickers=True)]
    assert found == [["s.webp"], ["a.mp4"], ["v.mp4"]]


@pytest.mark.parametrize("wanted", ["dogs", "8"])
def test_one_chat_of_a_whole_export_is_named_by_name_or_id(wanted: str) -> None:
    cats = chat(message(1, photo="1.jpg"))
    dogs = chat(message(2, photo="2.jpg"), message(3, text="no picture"), name="dogs", number=8)
    export = {"about": "", "chats": {"list": [cats, dogs]}, "contacts": {"list": []}}
    assert [post.id for post in posts(export, chat=wanted)] == ["2"]
    with pytest.raises(SourceError, match="0 of 2 chats are called 'dog'; did you mean 'dogs'"):
        posts(export, chat="dog")
    with pytest.raises(SourceError, match="name one with `chat`"):
        posts(export)


def test_an_export_as_html_is_told() -> None:
    EXPORT.mkdir(parents=True)
    (EXPORT / "messages.html").write_text("<html>")
    with pytest.raises(SourceError, match="Machine-readable JSON"):
        list(source().posts(no_network))


@given(st.text(max_size=40))
def test_no_name_leads_out_of_the_export(name: str) -> None:
    inside = source()
    if inside.holds(name):
        assert inside.file(inside.url_of(name)).resolve().is_relative_to(EXPORT.resolve())
