"""Read params.yaml into closed, frozen sections, naming every mistake at once."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from memegan.errors import ParamsError

PARAMS_FILE = Path("params.yaml")
SECTIONS = (  # every stage checks the names of all of them
    *("scrape", "frames", "dedup", "select", "resize", "manifest"),
    *("model", "train", "evaluate", "report"),
)
WAY_BACK = (
    "correct it, then run the same command again "
    "(after a failed `dvc exp run -S`: git checkout params.yaml && dvc checkout)"
)
Loc = tuple[str | int, ...]
S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A closed, frozen part of params.yaml: an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def load_section(
    model: type[S],
    *keys: str,
    path: Path = PARAMS_FILE,
    elsewhere: Mapping[str, tuple[str, ...]] | None = None,
) -> S:
    """Read `path` at `keys` (for example "train", "cyclegan") as `model`.

    Args:
        elsewhere: fields that lie in a section of their own, for example {"model": ("model",)}.

    Raises:
        ParamsError: lists all the mistakes of the section, each with its line.
    """
    moved, (root, tree) = elsewhere or {}, _read(path)
    mistakes = [f"{path} {text}" for text in _doubled(root)]
    for name in set(tree if isinstance(tree, Mapping) else ()) - set(SECTIONS):
        hint = did_you_mean(name, SECTIONS)
        mistakes.append(_told(path, root, (name,), f"unknown section{hint}"))
    value = _at(tree, keys, path)
    if moved and isinstance(value, Mapping):
        mistakes += [
            _told(path, root, (*keys, field), f"unknown key; it is read from '{'.'.join(place)}'")
            for field, place in moved.items()
            if field in value
        ]
        value = {**value, **{field: _at(tree, place, path) for field, place in moved.items()}}
    try:
        section = model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors():
            if _follows(detail):
                continue
            head, *rest = detail["loc"] or ("",)
            place = (*moved.get(str(head), (*keys, head)), *rest)
            if detail["type"] == "union_tag_invalid":
                place = (*place, detail["ctx"]["discriminator"].strip("'"))
            mistakes.append(_told(path, root, place, _mistake(detail, model)))
    if mistakes:
        many = f"{len(mistakes)} mistakes for section '{'.'.join(keys)}'"
        raise ParamsError(
            mistakes[0] if len(mistakes) == 1 else "\n  - ".join((many, *mistakes)),
            where=str(path),
            fix=WAY_BACK,
        )
    return section


def raw_section(*keys: str, path: Path) -> Mapping[str, object]:
    """Read a mapping of any YAML file as it is, unchecked."""
    value = _at(_read(path)[1], keys, path)
    return value if isinstance(value, Mapping) else {}


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return "; did you mean 'x'?" for the closest known word, or an empty string."""
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _read(path: Path) -> tuple[yaml.Node | None, object]:
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.compose(text), yaml.safe_load(text)
    except FileNotFoundError:
        what, fix = f"there is no {path.name}", "run from the repository root"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what, fix = f"not YAML in UTF-8: {error}", "mend its layout"
    raise ParamsError(what, where=str(path), fix=fix)


def _at(value: object, keys: tuple[str, ...], path: Path) -> object:
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            known = value if isinstance(value, Mapping) else ()
            raise ParamsError(
                f"no section '{'.'.join(keys[: depth + 1])}'{did_you_mean(key, known)}",
                where=str(path),
                fix="add it",
            )
        value = value[key]
    return value


def _doubled(node: yaml.Node | None, at: str = "") -> Iterator[str]:
    """Find keys written twice in one mapping; YAML itself keeps the last and says nothing."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, inner in node.value:
            name, line = f"{at}{key.value}", key.start_mark.line + 1
            if first.setdefault(name, line) != line:
                yield f"line {line}: {name}: doubled key, first on line {first[name]}"
            yield from _doubled(inner, f"{name}.")
    elif isinstance(node, yaml.SequenceNode):
        for number, inner in enumerate(node.value):
            yield from _doubled(inner, f"{at}{number}.")


def _told(path: Path, root: yaml.Node | None, place: Loc, what: str) -> str:
    """Say it as "params.yaml line 12: model.generator: what is wrong"."""
    line, named = _found(root, place)
    return f"{path} line {line}: {'.'.join(map(str, named))}: {what}"


def _follows(detail: ErrorDetails) -> bool:
    """Tell whether a list only counts as too short because its items are wrong themselves."""
    is_short, given = detail["type"] == "too_short", detail["input"]
    return is_short and isinstance(given, Sequence) and len(given) >= detail["ctx"]["min_length"]


def _mistake(detail: ErrorDetails, model: type[Section]) -> str:
    """Say what is wrong with a value, beside the value itself."""
    given, kind = detail["input"], detail["type"]
    match kind:
        case "extra_forbidden":
            loc = detail["loc"]
            return f"unknown key{did_you_mean(loc[-1], _siblings(model, loc))}"
        case "missing":
            return "it is missing"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
        case "literal_error" | "union_tag_invalid":
            context = detail["ctx"]
            known = re.findall("'(.*?)'", context.get("expected") or context["expected_tags"])
            word = context.get("tag", given)
            return f"'{word}' is not one of {', '.join(known)}{did_you_mean(word, known)}"
    text = detail["msg"][:1].lower() + detail["msg"][1:]
    quotes = "; put it in quotes" if kind == "string_type" else ""
    short = isinstance(given, bool | int | float | Fraction | str | date)
    return f"{text}, not {given!s:.60}{quotes}" if short else text


def _siblings(model: type[BaseModel], loc: Loc) -> list[str]:
    """Collect the field names of every model reachable along `loc` (a union has several)."""
    level: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        fields = [m.model_fields[part] for m in level if part in m.model_fields]
        level = [m for f in fields for m in _models(f.annotation)] or level
    return [name for m in level for name in m.model_fields]


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models(inner)]


def _found(node: yaml.Node | None, loc: Loc) -> tuple[int, Loc]:
    """Return the 1-based line of the deepest part of `loc` in the YAML, and `loc` as it is there.

    What the YAML does not hold (the tag of a union) is left out, but for the last: a missing key.
    """
    line, named = 0, list[str | int]()
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            hit = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if hit is None:
                continue
            line, node = hit[0].start_mark.line, hit[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
        else:
            continue
        named.append(part)
    if loc and (not named or named[-1] != loc[-1]) and loc[-1] != "":
        named.append(loc[-1])
    return line + 1, tuple(named)
