"""What may vary in a run, and settings drawn from it that the run accepts."""

import copy
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from pydantic import ValidationError

from memegan.errors import ParamsError
from memegan.rng import derived_seed
from memegan.variants.base import VariantSpec

Value = bool | int | float | str | None
Setting = dict[str, Value]  # of a run, by dotted names
TRIES = 200  # for a setting that the run accepts
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(log:)?({_NUMBER})\.\.({_NUMBER})")
_HOLE = re.compile(r"<([^<>\n]*)>")
_WORDS: Mapping[str, Value] = {"true": True, "false": False, "null": None}


class Space(Protocol):
    """Where a value is drawn from."""

    def draw(self, chance: Random) -> Value:
        """Return one value."""


@dataclass(frozen=True)
class OneOf:
    """Any of some values, each as likely."""

    values: Sequence[Value]

    def draw(self, chance: Random) -> Value:
        return chance.choice(self.values)


@dataclass(frozen=True)
class Between:
    """A number, evenly or by its logarithm; a whole one where both ends are, which are included."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False

    def draw(self, chance: Random) -> Value:
        if self.is_log:
            found = math.exp(chance.uniform(math.log(self.low), math.log(self.high)))
        elif self.is_whole:
            return chance.randint(round(self.low), round(self.high))
        else:
            found = chance.uniform(self.low, self.high)
        found = min(max(float(f"{found:.3g}"), self.low), self.high)
        return round(found) if self.is_whole else found


@dataclass(frozen=True)
class Text:
    """A text with holes, each drawn by itself: `conv 64 kernel=<3|5> norm=<batch|instance>`."""

    parts: Sequence[str]  # between the holes: one more than there are
    holes: Sequence[Space]

    def draw(self, chance: Random) -> Value:
        drawn = [str(hole.draw(chance)) for hole in self.holes]
        pairs = zip(self.parts, [*drawn, ""], strict=True)
        return "".join(part + value for part, value in pairs)


def spaces(said: Sequence[str]) -> dict[str, Space]:
    """Read what may vary: NAME=SPACE each.

    A space is `low..high`, `log:low..high`, `a,b,c`, or a text with holes `<a|b>` and
    `<low..high>`; `@file` is the text of a file.

    Raises:
        ParamsError: one cannot be read, or a name is there twice.
    """
    found: dict[str, Space] = {}
    for one in said:
        name, equals, text = one.partition("=")
        if not name or not equals or not text:
            raise _refused(one, "it is not NAME=SPACE")
        if name in found:
            raise _refused(one, "the name was there before")
        found[name] = _space(one, _read(one, text))
    if not found:
        raise _refused("", "nothing may vary")
    return found


def drawn(
    spec: VariantSpec[Any],
    run: Mapping[str, object],
    said: Mapping[str, Space],
    count: int,
    seed: int,
) -> list[Setting]:
    """Draw settings that the run accepts, no two alike; more of them begin with the same ones.

    Args:
        run: as params.yaml has it.

    Raises:
        ParamsError: hardly any is accepted, or there are fewer different ones.
    """
    found: list[Setting] = []
    why = "all others were drawn before"
    for number in range(TRIES * count):
        chance = Random(derived_seed(seed, "search", number))
        setting = {name: space.draw(chance) for name, space in said.items()}
        if setting in found:
            continue
        try:
            spec.run.model_validate(changed(run, setting))
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            continue
        found.append(setting)
        if len(found) == count:
            return found
    raise ParamsError(
        f"{len(found)} of {count} different settings were found in {TRIES * count} tries: {why}",
        where="--vary",
        fix="widen what may vary, ask for fewer, or mend what is refused",
    )


def changed(run: Mapping[str, object], setting: Setting) -> dict[str, Any]:
    """Return a run with values by dotted names put in; sections that are not there are made."""
    out: dict[str, Any] = copy.deepcopy(dict(run))
    for name, value in setting.items():
        *above, last = name.split(".")
        section = out
        for key in above:
            inner = section.get(key)
            section[key] = inner if isinstance(inner, dict) else {}
            section = section[key]
        section[last] = value
    return out


def name_of(run: str, setting: Setting) -> str:
    """Name the experiment of a setting: the same setting, the same name."""
    text = json.dumps(setting, sort_keys=True)
    return f"search-{run}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _space(said: str, text: str) -> Space:
    if found := _RANGE.fullmatch(text):
        ends = found[2], found[3]
        low, high = (float(end) for end in ends)
        if low >= high or (found[1] and low <= 0):
            raise _refused(said, "a range goes from less to more; log: from above 0")
        is_whole = all(re.fullmatch(r"-?\d+", end) for end in ends)
        return Between(low, high, bool(found[1]), is_whole)
    if _HOLE.search(text):
        pieces = _HOLE.split(text)
        holes = [_hole(said, hole) for hole in pieces[1::2]]
        return Text(pieces[::2], holes)
    if "\n" in text:
        return OneOf([text])
    return OneOf([_value(word.strip()) for word in text.split(",")])


def _hole(said: str, text: str) -> Space:
    if _RANGE.fullmatch(text):
        return _space(said, text)
    return OneOf([_value(word.strip()) for word in text.split("|")])


def _value(word: str) -> Value:
    if word in _WORDS:
        return _WORDS[word]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _read(said: str, text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(said, f"the file cannot be read: {error}") from None


def _refused(said: str, why: str) -> ParamsError:
    return ParamsError(
        f"{why}{': ' if said else ''}{said}",
        where="--vary",
        fix="for example --vary network.preset=dcgan,sngan or trainer.beta1=0..0.9",
    )
