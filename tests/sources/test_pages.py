"""The pages of docs/sources: one a kind, complete, with examples that are understood and run."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import TypeAdapter
from tests.sources.service import ROOT, Asked, fetch, serving

from memegan.errors import SourceError
from memegan.sources.base import SourceParams
from memegan.sources.params import AnySource

PAGES = ROOT / "docs/sources"
KINDS: tuple[type[SourceParams], ...] = get_args(get_args(AnySource)[0])
PARTS = ("**Token.**", "**What comes.**", "**Limits.**", "**Terms.**", "**What goes wrong**")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_has_a_page_whose_examples_are_understood(kind: type[SourceParams]) -> None:
    page = ROOT / kind.page()
    missing = [part for part in PARTS if part not in page.read_text(encoding="utf-8")]
    assert missing == []
    examples = [one for block in blocks(page, "yaml") for one in yaml.safe_load(block)]
    assert examples
    for example in examples:
        assert type(TypeAdapter(AnySource).validate_python(example)) is kind


def test_the_overview_names_each_page() -> None:
    named = set(re.findall(r"\]\((\w+)\.md\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    assert named == {page.stem for page in PAGES.glob("*.md")} - {"README"}


def test_the_kind_of_the_guide_works_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def cats(asked: Asked) -> object:
        if asked.query["breed"] != "tabby":
            return {"error": "no such breed"}
        assert asked.headers["Authorization"] == "Bearer s3cret"
        number = int(asked.query.get("page", "1"))
        about = {"picture": f"http://a/{number}.png", "taken": 1_763_719_200, "high": 600}
        one = {"id": number, "wide": 100 * number, **about}
        return {"cats": [one], "next": str(number + 1) if number < 3 else None}

    (code,) = blocks(PAGES / "adding.md", "python")
    space: dict[str, type[SourceParams]] = {"__name__": "memegan.sources.cats"}  # type: ignore[dict-item] # a module's name
    exec(compile(code, "adding.md", "exec"), space)
    about = {"kind": "cats", "domain": "cat", "terms_accepted": True, "min_size_px": 150}
    monkeypatch.setenv("CATS_TOKEN", "s3cret")
    with serving(cats) as web:
        known = {**about, "api": f"{web.url}/list"}
        tabby = space["CatsSource"].model_validate({**known, "community": "tabby"})
        posts = list(tabby.posts(fetch))
        persian = space["CatsSource"].model_validate({**known, "community": "persian"})
        with pytest.raises(SourceError, match="no such breed"):
            list(persian.posts(fetch))
    assert [post.id for post in posts] == ["1", "2", "3"]
    assert [len(post.media) for post in posts] == [0, 1, 1]
    assert posts[0].extra == {"left_out": "1 too small"}
