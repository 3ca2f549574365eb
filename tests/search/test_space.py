"""What may vary is read and drawn as told; settings are ones that the run accepts."""

import math
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.trainer import RUNS

from memegan.errors import ParamsError
from memegan.search.queue import quoted
from memegan.search.space import Setting, Value, changed, drawn, name_of, spaces
from memegan.variants.base import find_variant

HYPERGAN = find_variant("hypergan")
TEXT = """latent
maps 8 4 activation=<relu|lrelu>  # a comment
resize_conv 8 kernel=<3|5> norm=<batch|group> activation=relu
resize_conv 3 activation=tanh
"""


def draws(said: str, count: int = 4000) -> list[Value]:
    (space,) = spaces([said]).values()
    chance = Random(0)
    return [space.draw(chance) for _ in range(count)]


def test_whole_numbers_include_both_ends_and_are_even() -> None:
    found = Counter(draws("network.blocks=1..4"))
    assert set(found) == {1, 2, 3, 4}
    assert min(found.values()) > 850


def test_a_range_is_even_and_its_logarithm_where_told() -> None:
    plain = [float(str(x)) for x in draws("a=0.5..1.5")]
    assert min(plain) >= 0.5
    assert max(plain) <= 1.5
    assert sum(plain) / len(plain) == pytest.approx(1, abs=0.02)
    logs = [math.log10(float(str(x))) for x in draws("a=log:1e-5..1e-1")]
    assert min(logs) == pytest.approx(-5, abs=0.01)
    assert max(logs) == pytest.approx(-1, abs=0.01)
    assert sum(logs) / len(logs) == pytest.approx(-3, abs=0.06)
    whole = draws("a=log:1..1000")
    assert all(isinstance(x, int) for x in whole)
    assert sum(int(str(x)) < 32 for x in whole) == pytest.approx(2000, abs=150)


def test_words_are_read_as_yaml_would() -> None:
    found = set(draws("a=dcgan,wgan-gp,3,1e-4,true,null"))
    assert found == {"dcgan", "wgan-gp", 3, 1e-4, True, None}
    assert set(draws("a=5", 3)) == {5}


def test_a_text_has_its_holes_filled_each_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "generator.txt"
    path.write_text(TEXT, encoding="utf-8")
    found = Counter(draws(f"network.generator=@{path}", 800))
    assert len(found) == 8
    assert min(found.values()) > 60
    for text in found:
        assert isinstance(text, str)
        assert "<" not in text
        assert text.startswith("latent\nmaps 8 4 activation=")
    assert len(set(draws("a=conv <8..64> kernel=3", 500))) == 57


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("learning_rate", "not NAME=SPACE"),
        ("a=", "not NAME=SPACE"),
        ("a=2..1", "from less to more"),
        ("a=log:0..1", "from above 0"),
        ("a=@nowhere.txt", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(said: str, told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        spaces([said])
    with pytest.raises(ParamsError, match="nothing may vary"):
        spaces([])
    with pytest.raises(ParamsError, match="there before"):
        spaces(["a=1..2", "a=3,4"])


def some(count: int, *said: str, seed: int = 0) -> list[Setting]:
    return drawn(HYPERGAN, RUNS["hypergan"], spaces(said), count, seed)


def test_the_same_seed_draws_the_same_and_more_begin_with_them() -> None:
    said = ("trainer.learning_rate=log:1e-4..1e-2", "network.preset=dcgan,sngan")
    assert some(3, *said) == some(6, *said)[:3]
    assert some(3, *said) != some(3, *said, seed=1)
    names = [name_of("hypergan", setting) for setting in some(6, *said)]
    assert len(set(names)) == 6
    assert names[:3] == [name_of("hypergan", setting) for setting in some(3, *said)]


def test_only_settings_that_the_run_accepts_are_drawn_and_none_twice() -> None:
    """Magic is no optimizer; a kernel of 4 does not keep a size."""
    found = some(4, "trainer.optimizer=Adam,SGD,Magic,RMSprop,Adagrad")
    assert {str(s["trainer.optimizer"]) for s in found} == {"Adam", "SGD", "RMSprop", "Adagrad"}
    texts = some(4, "network.generator=@" + __file__.replace("test_space.py", "generator.txt"))
    assert all("kernel=4" not in str(setting) for setting in texts)


def test_the_text_of_the_docs_is_as_many_networks_as_they_say() -> None:
    """Twelve settings that the run accepts, and no thirteenth."""
    page = (Path(__file__).parents[2] / "docs/search.md").read_text(encoding="utf-8")
    text = page[page.index("```\nlatent") + 4 :].partition("```")[0]
    said = f"network.generator={text}"
    assert len({str(setting) for setting in some(12, said)}) == 12
    with pytest.raises(ParamsError, match="12 of 13"):
        some(13, said)


def test_where_too_few_are_accepted_the_reason_is_told() -> None:
    with pytest.raises(ParamsError, match=r"2 of 3 different settings .*all others were drawn"):
        some(3, "network.blocks=1,2")
    with pytest.raises(ParamsError, match=r"0 of 1 .*trainer.optimizer: Input should be"):
        some(1, "trainer.optimizer=Magic")
    with pytest.raises(ParamsError, match=r"0 of 1 .*network\.generator: .*line 1"):
        some(1, "network.generator=convv <1|2>")


def test_sections_that_the_run_does_not_have_are_made_and_the_run_is_left() -> None:
    run = {"a": 1, "b": {"c": 2}}
    assert changed(run, {"b.c": 3, "d.e.f": 4}) == {"a": 1, "b": {"c": 3}, "d": {"e": {"f": 4}}}
    assert run == {"a": 1, "b": {"c": 2}}


_ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from("ab \"'\\\n#={}[],:<>|*/.-_1e$wü"), max_size=12),
)


@settings(max_examples=150)
@given(_ANY)
def test_dvc_reads_a_value_back_as_it_is(value: Value) -> None:
    import tempfile

    if isinstance(value, str) and "${" in value:
        return  # an interpolation, which the language of layers does not have
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text("train:\n  x:\n    a: 1\n")
        apply_overrides(path, [f"++train.x.network.value={quoted(value)}"])
        found = yaml.safe_load(path.read_text())["train"]["x"]["network"]["value"]
    assert found == value
    assert type(found) is type(value)
