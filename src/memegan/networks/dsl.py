"""The language of networks: one layer a line, with a place in the text for every mistake."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

GRAMMAR = r"""
start: _END? (line (_END line)* _END?)?
line: WORD item* block?
block: "{" _END? line (_END line)* _END? "}"
?item: WORD "=" value -> option
     | value
value: atom ((TIMES | OVER) atom)*
?atom: NUMBER | VARIABLE | WORD

WORD: /[a-zA-Z_][a-zA-Z0-9_]*/
VARIABLE: /\$[a-z_]+/
NUMBER: /-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?/
TIMES: "*"
OVER: "/"
_END: /([ \t]*(\#[^\n]*)?(\r?\n|;))+[ \t]*/
%ignore /[ \t]+/
"""
_WORDS = {
    **{"WORD": "a name", "NUMBER": "a number", "VARIABLE": "a $variable", "_END": "a new line"},
    **{"TIMES": "'*'", "OVER": "'/'", "EQUAL": "'='", "LBRACE": "'{'", "RBRACE": "'}'"},
    "$END": "the end",
}
Number = int | float
Given = Number | str


class DslError(ValueError):
    """A mistake in the text of a network: where it is, and what would be right."""


@dataclass(frozen=True)
class Place:
    """Where something stands in a text; line and column count from 1."""

    text: str
    line: int
    column: int
    length: int = 1

    def fail(self, what: str) -> NoReturn:
        """Tell what is wrong, with the line and a mark below it.

        Raises:
            DslError: always.
        """
        lines = self.text.splitlines()
        shown = lines[self.line - 1] if self.line <= len(lines) else ""
        mark = " " * (self.column - 1) + "^" * max(1, self.length)
        raise DslError(
            f"line {self.line}, column {self.column}: {what}\n    {shown}\n    {mark}"
        ) from None


@dataclass(frozen=True)
class Value:
    """A number, a word, or a product of numbers and variables."""

    place: Place
    atoms: tuple[str, ...]  # with the signs between them: "2", "*", "$width"

    def of(self, variables: Mapping[str, Number]) -> Given:
        """Return what it stands for; a quotient of integers is cut down to an integer.

        Raises:
            DslError: an unknown variable, or a product with a word.
        """
        if len(self.atoms) == 1 and self.atoms[0][0].isalpha():
            return self.atoms[0]
        value = self._number(self.atoms[0], variables)
        for sign, atom in zip(self.atoms[1::2], self.atoms[2::2], strict=True):
            other = self._number(atom, variables)
            if sign == "*":
                value *= other
            elif other == 0:
                self.place.fail("division by 0")
            else:
                whole = isinstance(value, int) and isinstance(other, int)
                value = value // other if whole else value / other
        return value

    def _number(self, atom: str, variables: Mapping[str, Number]) -> Number:
        if atom.startswith("$"):
            if atom[1:] not in variables:
                known = [f"${name}" for name in variables]
                self.place.fail(f"unknown variable {atom}{close_to(atom, known)}")
            return variables[atom[1:]]
        if atom[0].isalpha() or atom[0] == "_":
            self.place.fail(f"expected a number or a $variable, not '{atom}'")
        return int(atom) if atom.lstrip("-").isdigit() else float(atom)


@dataclass(frozen=True)
class Line:
    """One layer as it is written."""

    kind: str
    place: Place
    arguments: tuple[Value, ...] = ()
    options: Mapping[str, Value] = field(default_factory=dict)  # placed where their names are
    block: "tuple[Line, ...] | None" = None


def parse(text: str) -> tuple[Line, ...]:
    """Read the text of a network: `conv 64 stride=2`, `#` begins a comment, `{ }` holds a block.

    Raises:
        DslError: no sentence of the language; says where, and what was expected there.
    """
    try:
        tree = _parser().parse(text + "\n")
    except UnexpectedToken as error:
        expected = sorted(error.accepts or error.expected)
        ends = {"$END": "the end", "_END": "the end of the line"}
        found = ends.get(error.token.type, f"'{error.token}'")
        place = Place(text, max(error.line, 1), max(error.column, 1), len(str(error.token).strip()))
        place.fail(f"expected {_listed(expected)}, not {found}")
    except UnexpectedCharacters as error:
        place = Place(text, error.line, error.column)
        place.fail(f"expected {_listed(sorted(error.allowed))}, not '{error.char}'")
    except UnexpectedInput as error:
        Place(text, 1, 1).fail(str(error).partition("\n")[0])
    return tuple(_line(node, text) for node in tree.children if isinstance(node, Tree))


def close_to(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the closest known word, and list them where none is close."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if names else ""


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", propagate_positions=True)


def _listed(terminals: Iterable[str]) -> str:
    return " or ".join(_WORDS.get(name, name) for name in terminals)


def _line(tree: Tree[Token], text: str) -> Line:
    kind, *items = tree.children
    assert isinstance(kind, Token)
    arguments: list[Value] = []
    options: dict[str, Value] = {}
    block = None
    for item in items:
        assert isinstance(item, Tree)
        if item.data == "block":
            block = tuple(_line(node, text) for node in item.children if isinstance(node, Tree))
        elif item.data == "option":
            name, value = item.children
            assert isinstance(name, Token)
            if str(name) in options:
                _at(name, text).fail(f"'{name}' is said twice")
            options[str(name)] = _value(value, _at(name, text))
        else:
            first = next(t for t in item.scan_values(lambda t: isinstance(t, Token)))
            arguments.append(_value(item, _at(first, text)))
    return Line(str(kind), _at(kind, text), tuple(arguments), options, block)


def _value(tree: Tree[Token] | Token, place: Place) -> Value:
    assert isinstance(tree, Tree)
    return Value(place, tuple(str(t) for t in tree.scan_values(lambda t: isinstance(t, Token))))


def _at(token: Token, text: str) -> Place:
    return Place(text, token.line or 1, token.column or 1, len(token))
