"""The `memegan` command: a file of cli/ for each word, imported only when that word is given."""

import ast
import difflib
import importlib
import logging
import sys
from pathlib import Path

from memegan import __version__
from memegan.errors import exit_code_of
from memegan.threads import share_cores, wait_politely

wait_politely()
_CLI = Path(__file__).parent / "cli"
_PICTURES = ("bench", "dedup", "resize", "select")  # their threads take a picture each


def main() -> int:
    """Run one command; return its exit code (DESIGN: 0, 1, 2, 70, 75, 130, 143)."""
    word, *rest = sys.argv[1:] or ["--help"]
    if word in ("--help", "-h", "help"):
        sys.stdout.write(_help())
        return 0
    if word == "--version":
        sys.stdout.write(f"memegan {__version__}\n")
        return 0
    if word not in (words := commands()):
        close = difflib.get_close_matches(word, words, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        sys.stderr.write(f"error: no command '{word}'{hint}\n  fix:   memegan --help lists them\n")
        return 2
    return _run(word, rest)


def commands() -> dict[str, str]:
    """Return the commands and the first lines of their docstrings, read without importing them."""
    found = {}
    for path in sorted(_CLI.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [ast.get_docstring(tree)] + [
            ast.get_docstring(node)
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name == path.stem
        ]
        if path.stem != "__init__":
            found[path.stem.replace("_", "-")] = (texts[-1] or "").splitlines()[0]
    return found


def _help() -> str:
    words = commands()
    wide = max(map(len, words))
    lines = [f"  {word:<{wide}}  {line}" for word, line in words.items()]
    return "\n".join(
        [
            "memegan: from meme communities and videos to trained, compared, served image GANs.",
            "",
            "usage: memegan COMMAND [--help] ...",
            "",
            *lines,
            "",
            "The pipeline itself runs by DVC: dvc repro, dvc exp run -S model.generator=unet.",
            "",
        ]
    )


def _run(word: str, rest: list[str]) -> int:
    import typer

    if word in _PICTURES:
        share_cores()
    module = importlib.import_module(f"memegan.cli.{word.replace('-', '_')}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    app = getattr(module, "app", None)  # of a command of several words
    if app is None:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name=word)(getattr(module, word.replace("-", "_")))
    command = typer.main.get_command(app)

    def run() -> int:
        try:
            done = command.main(args=rest, prog_name=f"memegan {word}", standalone_mode=False)
        except typer.TyperException as error:  # wrong options; typer has a click of its own
            context = getattr(error, "ctx", None)
            usage = f"{context.get_usage()}\n" if context else ""
            fix = f"memegan {word} --help has an example"
            sys.stderr.write(f"{usage}error: {error}\n  fix:   {fix}\n")
            return 2
        except typer.Abort:
            raise KeyboardInterrupt from None
        return done if isinstance(done, int) else 0

    return exit_code_of(run)


if __name__ == "__main__":
    sys.exit(main())
