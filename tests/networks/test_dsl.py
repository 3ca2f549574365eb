"""The language of networks: what it reads, and that every mistake is told with its place."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memegan.networks.dsl import DslError, Line, parse
from memegan.networks.fitting import Frame, blueprint
from memegan.networks.layers import KINDS
from memegan.networks.presets import variables
from memegan.networks.stacks import BLOCKS

WORDS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8)
NUMBERS = st.integers(-999, 999).map(str) | st.sampled_from(["0.5", "1e-3", "2.25"])
VALUES = WORDS | NUMBERS | WORDS.map("${}".format)
IMAGES = Frame((3, 32, 32), variables(32, 16, 8, 1))
NOISE = Frame((8,), variables(32, 16, 8, 1))


def told(text: str, frame: Frame = IMAGES) -> str:
    with pytest.raises(DslError) as error:
        blueprint(text, frame)
    return str(error.value)


@given(st.lists(st.tuples(WORDS, st.lists(VALUES), st.dictionaries(WORDS, VALUES)), min_size=1))
def test_what_is_written_is_what_is_read(
    lines: list[tuple[str, list[str], dict[str, str]]],
) -> None:
    text = "".join(
        f"  {kind} {' '.join(values)} {' '.join(f'{k}={v}' for k, v in more.items())} # x =\n\n"
        for kind, values, more in lines
    )
    for line, (kind, values, more) in zip(parse(text), lines, strict=True):
        assert line.kind == kind
        assert [value.atoms for value in line.arguments] == [(value,) for value in values]
        assert {k: v.atoms for k, v in line.options.items()} == {k: (v,) for k, v in more.items()}
        shown = text.splitlines()[line.place.line - 1]
        assert shown[line.place.column - 1 :].startswith(kind)


@given(st.text(string.ascii_lowercase + string.digits + " ={}*/$.#;\n-", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        found: tuple[Line, ...] | str = parse(text)
    except DslError as error:
        found = str(error)
    if isinstance(found, str):
        assert re.match(
            r"line \d+, column \d+: expected|line \d+, column \d+: '\w+' is said", found
        )
    else:
        assert all(text.splitlines()[line.place.line - 1].strip() for line in found)


def test_a_block_is_read_on_one_line_and_on_many() -> None:
    (one,) = parse("repeat 2 { conv 64; blur }")
    (many,) = parse("repeat 2 {  # twice\n  conv 64\n\n  blur\n}\n")
    assert one.block is not None
    assert many.block is not None
    assert (
        [line.kind for line in one.block] == [line.kind for line in many.block] == ["conv", "blur"]
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [("2*$width", 32), ("$width/3", 5), ("$width/3*2", 10), ("0.5*$z", 4.0), ("-3", -3)],
)
def test_products_are_taken_from_the_left_and_whole_quotients_are_cut(
    written: str, value: float
) -> None:
    (line,) = parse(f"x {written}")
    assert line.arguments[0].of({"width": 16, "z": 8}) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "conv 64 stride=",
            "column 16: expected a number or a $variable or a name, not the end of the line",
        ),
        ("conv 64\nconv 64 @", "line 2, column 9: expected"),
        ("64 conv", "line 1, column 1: expected the end or a name or a new line, not '64'"),
        ("repeat 2 {\n conv 3\n", "expected '}' or a name, not the end"),
        ("conv 3 }", "line 1, column 8: expected"),
        ("conv 3 norm=batch norm=none", "line 1, column 19: 'norm' is said twice"),
        ("conv 3 channels=3", "'channels' is said twice"),
        ("covn 64", "line 1, column 1: unknown layer 'covn'; did you mean conv?"),
        ("conv 64\n  linaer 3", "line 2, column 3: unknown layer 'linaer'; did you mean linear?"),
        ("conv 64 strid=2", "line 1, column 9: 'conv' has no option 'strid'; did you mean stride?"),
        ("conv 64 3", "line 1, column 9: 'conv' takes channels; more is written NAME=VALUE"),
        ("conv", "'conv' needs channels; write conv CHANNELS"),
        ("conv 0", "line 1, column 6: channels: expected greater than or equal to 1, not 0"),
        ("conv many", "line 1, column 6: channels: expected a valid integer"),
        ("conv 8 activation=rely", "line 1, column 8: activation is one of none, relu"),
        ("conv 8 activation=rely", "not 'rely'; did you mean relu?"),
        ("conv $widht", "line 1, column 6: unknown variable $widht; did you mean $width?"),
        ("conv 2*width", "expected a number or a $variable, not 'width'"),
        ("conv 8/0", "division by 0"),
        ("conv 8 { blur }", "'conv' takes no block; resizable_stack and residual and repeat do"),
        ("conv 8 name=a\nconv 8 name=a", "line 2, column 8: the name 'a' is taken"),
        ("conv 8 name=style\nadd stile", "no layer above has name=stile; did you mean style?"),
        ("maps 8", "reads a vector, but maps (3, 32, 32) come; put `flatten` or `pool` before it"),
        ("flatten\nconv 8", "line 2, column 1: reads maps (C, H, W), but a vector of 3072 comes"),
        ("conv 9 groups=2", "3 to 9 channels: no 2 groups"),
        ("conv 8\nadd input", "(8, 32, 32) and 'input' (3, 32, 32) have no sum"),
        ("reshape 4 4 4", "3072 numbers (3, 32, 32) do not fill (4, 4, 4)"),
        ("conv 8 kernel=15 pad=no\nconv 8 kernel=15 pad=no\nconv 8 kernel=15 pad=no", "line 3"),
        ("resizable_stack down width=8", "it repeats a block"),
        ("resizable_stack down width=8 { conv 8 }", "it is to bring the maps to 16 px"),
        ("resizable_stack up to=100 width=8 { deconv 8 }", "these do: 7, 13, 25, 50, 100"),
        ("residual", "say the channels (residual 64), or give it a block"),
        ("repeat 2", "it repeats a block"),
        ("", "a network has a layer at least"),
        ("flatten from=x", "no layer above has name=x"),
        ("conv 8 norm=btch", "did you mean batch?"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_right(text: str, what: str) -> None:
    assert what in told(text)


def test_the_place_is_marked_below_the_line() -> None:
    *_, shown, mark = told("conv 8\nconv 64 strid=2").splitlines()
    assert (shown.strip(), mark.index("^") - 4, mark.count("^")) == ("conv 64 strid=2", 8, 5)


@given(st.sampled_from([*KINDS, *BLOCKS]), st.data())
def test_a_kind_with_a_letter_too_few_is_close_to_a_kind(kind: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(kind) - 1))
    wrong = kind[:at] + kind[at + 1 :]
    if wrong not in KINDS and wrong not in BLOCKS and len(wrong) > 3:
        assert "did you mean" in told(f"{wrong} 8")
