"""Answers with any part replaced by anything: posts, or an error that names the source."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.test_gallery_dl import about, lines
from tests.sources.test_gallery_dl import source as gallery_dl
from tests.sources.test_reddit import listing, picture, submission
from tests.sources.test_reddit import source as reddit
from tests.sources.test_telegram import chat, message
from tests.sources.test_telegram import source as telegram
from tests.sources.test_vk import OWNER, item, photo
from tests.sources.test_vk import source as vk

from memegan.errors import SourceError
from memegan.sources.base import Request, SourceParams
from memegan.sources.vk import TOKEN

EXPORT, SAVED = Path("data/inputs/cats/result.json"), Path("data/inputs/cats.json")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
WALL = {
    "response": {
        "count": 1,
        "groups": [{"id": -OWNER, "age_limits": 1}],
        "items": [item(1, photo("http://a/1.png"), copy_history=[item(2, photo("http://a/2"))])],
    }
}
GALLERY = {"gallery_data": {"items": [{"media_id": "m"}]}, "media_metadata": {"m": picture(1)}}
LISTING = listing(
    submission(1, url="http://a/1.png", crosspost_parent_list=[submission(2, **GALLERY)]),
    submission(3, is_gallery=True, **GALLERY),
)
SHOWN = chat(message(1, photo="photos/1.jpg", width=8, height=8, text=["a", {"text": "b"}]))
PRINTED = lines((about(1, tags=["a"], rating="s", title="t"), ["http://a/1.png"]))


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Yield the way to each part of a JSON value."""
    yield here
    for key in (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield from places(value[key], (*here, key))


def replaced(value: Any, way: tuple[Any, ...], part: Any) -> Any:  # noqa: ANN401 - JSON
    if not way:
        return part
    changed = at = copy.deepcopy(value)
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = part
    return changed


CASES: dict[str, tuple[Any, Path | None, SourceParams]] = {
    "vk": (WALL, None, vk()),
    "reddit": (LISTING, SAVED, reddit()),
    "telegram": (SHOWN, EXPORT, telegram()),
    "gallery_dl": (PRINTED, SAVED, gallery_dl(path=SAVED)),
}


@pytest.mark.parametrize("kind", CASES)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_part_may_be_anything(
    kind: str, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "any")
    whole, path, source = CASES[kind]
    way = data.draw(st.sampled_from(sorted(places(whole), key=repr)))
    body = json.dumps(replaced(whole, way, data.draw(ANYTHING))).encode()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    asked = 0

    def answer(request: Request) -> bytes:
        nonlocal asked
        asked += 1
        return body if asked == 1 else json.dumps({"error": {"error_code": 100}}).encode()

    told = source.name
    try:
        posts = list(source.posts(answer))
    except SourceError as error:
        posts, told = [], str(error)
    for post in posts:
        texts = (post.id, post.text, post.posted_at, *post.extra.values())
        assert {type(value) for value in (*texts, *(m.url for m in post.media))} == {str}
    assert source.name in told
