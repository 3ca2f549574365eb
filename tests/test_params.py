"""A mistake in params.yaml is named with its line and a way out; all of them at once."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator

from memegan.errors import ParamsError
from memegan.params import Section, did_you_mean, load_section, raw_section


class Small(Section):
    kind: Literal["small"]
    width: int = Field(default=4, ge=2)


class Big(Section):
    kind: Literal["big"]
    depth: int


class Net(Section):
    generator: Literal["resnet", "unet", "vgg16"]


class Run(Section):
    """Holds a choice, a number, a text, a list of unions and a section from elsewhere."""

    model: Net
    total_images: int = Field(ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    name: str = "x"
    parts: tuple[Annotated[Small | Big, Field(discriminator="kind")], ...] = Field((), min_length=1)

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError("a name has three letters at most")
        return name


def load(tmp_path: Path, text: str) -> Run:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_section(Run, "train", "one", path=path, elsewhere={"model": ("model",)})


GOOD = "model:\n  generator: unet\ntrain:\n  one:\n    total_images: 8\n"


def test_a_good_file_is_read(tmp_path: Path) -> None:
    run = load(tmp_path, GOOD)
    assert (run.model.generator, run.total_images) == ("unet", 8)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "generator: unet",
            "generator: unett",
            "line 2: model.generator: 'unett' is not one of resnet, unet, vgg16; "
            "did you mean 'unet'?",
        ),
        (
            "generator: unet",
            "generater: unet",
            "line 2: model.generater: unknown key; did you mean 'generator'?",
        ),
        (
            "total_images: 8",
            "total_images: 0",
            "line 5: train.one.total_images: input should be greater than or equal to 1, not 0",
        ),
        (
            "total_images: 8",
            "total_images: many",
            "line 5: train.one.total_images: input should be a valid integer, "
            "unable to parse string as an integer, not many",
        ),
        ("total_images: 8", "learning_rate: 1.0", "line 4: train.one.total_images: it is missing"),
        (
            "total_images: 8",
            "total_images: 8\n    learning_rate: .inf",
            "line 6: train.one.learning_rate: input should be a finite number, not inf",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    name: 2026-11-21",
            "line 6: train.one.name: input should be a valid string, not 2026-11-21; "
            "put it in quotes",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    name: long",
            "line 6: train.one.name: a name has three letters at most",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    model: unet",
            "line 6: train.one.model: unknown key; it is read from 'model'",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    total_images: 9",
            "line 6: train.one.total_images: doubled key, first on line 5",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    parts:\n      - kind: smal",
            "line 7: train.one.parts.0.kind: 'smal' is not one of small, big; "
            "did you mean 'small'?",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    parts:\n      - kind: small\n        widht: 2",
            "line 8: train.one.parts.0.widht: unknown key; did you mean 'width'?",
        ),
        (
            "total_images: 8",
            "total_images: 8\n    parts:\n      - kind: big",
            "line 7: train.one.parts.0.depth: it is missing",
        ),
        ("train:", "scrap:\n  x: 1\ntrain:", "line 3: scrap: unknown section; did you mean"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ParamsError) as error:
        load(tmp_path, GOOD.replace(old, new))
    assert f"{tmp_path / 'params.yaml'} {told}" in error.value.what
    assert error.value.exit_code == 2
    assert "git checkout params.yaml && dvc checkout" in str(error.value)


def test_a_list_whose_one_item_is_wrong_is_not_called_too_short(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as error:
        load(tmp_path, GOOD + "    parts:\n      - kind: big\n")
    assert "mistakes" not in error.value.what


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("unet", "nonsense").replace("8", "0\n    lambda: 2\n    name: long")
    with pytest.raises(ParamsError) as error:
        load(tmp_path, text)
    head, *rest = error.value.what.split("\n  - ")
    assert head == "4 mistakes for section 'train.one'"
    assert [line.split(" line ")[1].split(":")[0] for line in rest] == ["2", "5", "7", "6"]


@pytest.mark.parametrize("text", ["", "[]", "train:", "train: 3", "model: {}\ntrain: {two: {}}"])
def test_a_section_that_is_not_there_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match="no section"):
        load(tmp_path, text)


@pytest.mark.parametrize("data", [b"a: [", b"\xff\xfe\x00", b"a: b: c", b"{a: 1}: 2: 3"])
def test_what_is_no_yaml_is_told_as_such(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(data)
    with pytest.raises(ParamsError, match="not YAML in UTF-8"):
        load_section(Net, "model", path=path)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="repository root"):
        load_section(Net, "model", path=tmp_path / "params.yaml")


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "width", "parts", "model", "total_images", "name", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(train=NESTED, model=NESTED)
def test_whatever_yaml_holds_is_read_or_told_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, train: object, model: object
) -> None:
    text = yaml.safe_dump({"model": model, "train": {"one": train}})
    told = ""
    try:
        load(tmp_path_factory.mktemp("any"), text)
    except ParamsError as error:
        told = error.what
    assert not told or " line " in told or "no section" in told


@given(st.sampled_from(["generator", "norm", "resnet"]), st.integers(0, 5))
def test_a_slip_of_one_letter_finds_its_word(word: str, at: int) -> None:
    slip = word[:at] + word[at + 1 :]
    assert did_you_mean(slip, ["generator", "norm", "resnet"]) in ("", f"; did you mean '{word}'?")
    assert did_you_mean(word[:-1], [word]) == f"; did you mean '{word}'?"


def test_a_raw_section_is_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "dvc.yaml"
    path.write_text("stages: {train: {deps: [a]}}\n")
    assert raw_section("stages", "train", path=path) == {"deps": ["a"]}
    assert raw_section("stages", "train", "deps", path=path) == {}
