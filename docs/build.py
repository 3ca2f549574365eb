"""Write the pages that follow from the code: docs/files.md and docs/reference; `make docs`."""

import ast
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import typer
import typer.core
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from memegan import __main__ as command_line
from memegan import errors, variants
from memegan.cli import check
from memegan.cli.bench import paces
from memegan.fetching.reasons import REASONS
from memegan.images.decided import DECISIONS, DecisionRow
from memegan.networks.fitting import Frame, blueprint
from memegan.networks.layer import Ended, Layer, Weighted
from memegan.networks.layers import KINDS
from memegan.networks.presets import PRESETS, variables
from memegan.networks.stacks import BLOCKS, StackBlock
from memegan.records import TABLES
from memegan.sources.params import AnySource
from memegan.tables import Column, columns
from memegan.takedown import BLOCKLIST, TAKEDOWN, TakedownRow
from memegan.variants.base import Plan, find_variant
from memegan.variants.cyclegan import GeneratorParams

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src/memegan"
MADE = "<!-- Made from the code by `make docs`; change the code, not this page. -->\n"
Cells = Sequence[object]

# Shapes that no record describes: name, type, unit, range, example, meaning. tests/test_docs.py
# holds them against the code that writes them.
METRIC: Mapping[str, Cells] = {
    "value": ("number", "of the metric", "", 0.0421, "the point estimate"),
    "low": ("number", "of the metric", "≤ `high`", 0.0398, "lower end of the 95 % interval"),
    "high": ("number", "of the metric", "≥ `low`", 0.0447, "upper end of the 95 % interval"),
    "n_real": ("integer", "images", "≥ 0", 256, "real images it was measured on"),
    "n_fake": ("integer", "images", "≥ 0", 256, "made images it was measured on"),
    "size_px": ("integer", "px", "≥ 1", 64, "side of the images"),
    "higher_is_better": ("true or false", "", "", "false", "which way is up"),
    "floor": ("number or null", "of the metric", "", 0.0012, "what real scores against real"),
    "encoder": ("text", "", "", "random conv x3", "what made the features; empty: pixels"),
    "resizer": ("text", "", "", "area", "what brought the images to `size_px`"),
    "seed": ("integer", "", "≥ 0", 0, "of the resampling and of the encoder"),
}
TRAIN_METRICS: Mapping[str, Cells] = {
    "images_seen": ("integer", "images", "≥ 0", 8000, "where the last losses were logged"),
    "memegan_key": ("text", "", "16 hex digits", "9f86d081884c7d65", "tag `memegan.key` in MLflow"),
    "LOSS": ("number", "", "", 0.218, "each loss of the variant at `images_seen`, by its name"),
}
CURVE: Mapping[str, Cells] = {
    "images_seen": ("integer", "images", "≥ 0", 100, "where the losses were logged; unique"),
    "LOSS": ("number or empty", "", "", 0.218, "a column for each loss of the variant"),
}
MODEL: Mapping[str, Cells] = {
    "run": ("object", "", "", "{…}", "the whole run of params.yaml, defaults filled in"),
    "nets": ("object", "", "64 hex digits", "{…}", "sha256 of NET.safetensors, by NET"),
    "images_seen": ("integer", "images", "≥ 1", 8000, "what it was trained on"),
    "manifest_sha256": ("text", "", "64 hex digits", "9f86…0a08", "of data/manifest.csv"),
    "memegan_key": ("text", "", "16 hex digits", "9f86d081884c7d65", "tag `memegan.key` in MLflow"),
}
LEADERBOARD: Mapping[str, Cells] = {
    "metric": ("text", "", "", "cycle_l1", "name of the metric"),
    "run": ("text", "", "", "cyclegan", "entry of `train` in params.yaml"),
    **{
        name: METRIC[name]
        for name in (
            *("value", "low", "high", "floor", "higher_is_better"),
            *("n_real", "n_fake", "size_px", "encoder", "resizer", "seed"),
        )
    },
}
VIDEO = {  # data/frames/videos.csv
    "empty": "no bytes at all",
    "not_a_video": "a picture, or nothing that can be opened",
    "no_video_stream": "sound or subtitles alone",
    "damaged": "a part cannot be decoded, or time goes back; what lies around it is used",
    "cut_tail": "it ends before the duration that it declares; what came before is used",
}
FRAMES = {  # data/frames/frames.csv
    "black": "no pixel is brighter than `frames.black_luma`",
    "white": "no pixel is darker than `frames.white_luma`",
    "repeat": "nowhere further from the frame kept before than `frames.repeat_luma`",
    "blurred": "less sharp than `frames.min_sharpness`",
    "fade": "within a fade or a dissolve, where `frames.keep_fades` is false",
    "credits": "more of it is text than `frames.max_text`",
}
QUARANTINE = {  # data/dedup/quarantine.csv, besides those of pictures and lists
    "bad_rect": "the part that counts does not lie in the picture",
    "editor": "a screenshot: `dedup.editor_bars` bars with tools lie along its sides",
    "flat": "of one colour: its levels spread by less than `dedup.min_contrast`",
    "near_empty": "less than `dedup.min_shown` of it is not of the corners' colour",
    "placeholder": "a few words in `dedup.placeholder_posts` posts or more: a notice of removal",
    "too_small": "a side shorter than `dedup.min_size_px`",
}
FIGURES = {  # of docs/benchmarks/learn.json and selected.json: medians over the seeds
    **{"modes": "modes", "modes_5": "five times", "accepted": "accepted"},
    **{"psnr": "PSNR", "psnr_affine": "affine"},
    **{"psnr_gain": "gain in dB", "psnr_gain_low": "its lower end", "ssim": "SSIM"},
    **{"psnr_nearest": "nearest known picture", "ssim_nearest": "its SSIM"},
    **{"kid": "KID", "pca_kid": "of a PCA Gaussian", "swd": "SWD", "pca_swd": "its SWD"},
    **{"nearest_ratio": "nearest learnt face over nearest fresh one"},
    **{"kodak_gain": "dB above bicubic, kodak", "skimage_gain": "skimage"},
    **{"score": "score", "swd own": "SWD to its own kind", "swd kept": "SWD to the kept kind"},
    **{"kid_random3 own": "KID to its own kind", "kid_random3 kept": "KID to the kept kind"},
}
REFERENCES = ("psnr_affine", "psnr_nearest", "ssim_nearest", "pca_kid", "pca_swd")  # no worst seed
PICTURES = ("empty", "not_media", "truncated", "too_many_pixels")
LISTED = ("takedown", "blocklisted")
EXITS = {
    0: "done and complete",
    1: "an expected failure; one message says what, where and how to mend it",
    2: "wrong arguments or parameters; one message, all mistakes at once",
    70: "a defect of memegan; with its traceback",
    75: "stopped by `--max-time`; the training's state is saved",
    130: "stopped by Ctrl-C; a training's state is saved",
    143: "stopped by SIGTERM; a training's state is saved",
}


def files() -> str:
    """Return docs/files.md: a table for each CSV and JSON that the pipeline passes on."""
    parts = [
        "# Files\n\nEvery table and JSON that the stages pass on. CSV is UTF-8 with a header, its "
        "lines end in `\\n`, an empty\ncell means that it does not apply.\n"
    ]
    known = {**TABLES, TAKEDOWN.as_posix(): TakedownRow, BLOCKLIST.as_posix(): TakedownRow}
    known[DECISIONS.as_posix()] = DecisionRow
    for name, record in known.items():
        text = _first(record.__doc__).partition(": ")[2]
        more = "extra" in {f.name for f in fields(record)}
        rows = [_column(c) for c in columns(record)]
        parts.append(_shape(name, text + (" Further columns may follow." if more else ""), rows))
    shapes = {
        "plots/train/RUN.csv": ("the losses of a training by images seen.", CURVE),
        "report/leaderboard.csv": (
            "a row for each run and metric; compare only rows of one n, size and encoder.",
            LEADERBOARD,
        ),
        "metrics/train/RUN.json": ("where a training ended.", TRAIN_METRICS),
        "metrics/eval/RUN.json": ("an object for each metric, `{metric: {…}}`, with:", METRIC),
        "models/RUN/model.json": ("what lies beside it as safetensors.", MODEL),
    }
    for name, (text, shape) in shapes.items():
        rows = [(f"`{key}`", *cells) for key, cells in shape.items()]
        parts.append(_shape(name, text, rows))
    parts.append(
        "## data/croissant.json\n\nThe manifest as a [Croissant 1.1](http://mlcommons.org/croissant"
        "/1.1) data set: `distribution` is\n`manifest.csv` with its sha256, `recordSet` is "
        "`images`, with a field for each column of the manifest\n(its meaning and type as above); "
        "`license` lists the licences of the rows, `datePublished` is the newest snapshot.\n"
    )
    return "\n".join(parts)


def cli() -> str:
    """Return docs/reference/cli.md: every command as its own --help says it."""
    parts = ["# Commands\n\n`memegan --version` prints the version; exit codes are in errors.md.\n"]
    for word in command_line.commands():
        command = _command(word)
        if isinstance(command, typer.core.TyperGroup):
            parts.append(f"## memegan {word}\n\n{command.help}\n")
            for name, inner in sorted(command.commands.items()):
                parts.append(_help(inner, f"memegan {word} {name}", "###"))
        else:
            parts.append(_help(command, f"memegan {word}", "##"))
    return "\n".join(parts)


def params() -> str:
    """Return docs/reference/params.md: every section, kind of source and variant."""
    parts = ["# params.yaml\n\nUnknown keys are errors. `memegan check` reads all of it at once.\n"]
    sections: dict[str, type[BaseModel]] = {**check.SECTIONS, "model": GeneratorParams}
    for name, model in sections.items():
        parts.append(_section(f"## {name}", model, f"{name}."))
    parts.append("## scrape.sources\n\nA list; `kind` says what an entry is.\n")
    for source in get_args(get_args(AnySource)[0]):
        kind = get_args(source.model_fields["kind"].annotation)[0]
        parts.append(_section(f"### kind: {kind}", source, ""))
    parts.append(_section("## train.RUN", Plan, ""))
    for name in variant_names():
        run = find_variant(name).run
        own = set(inspect.get_annotations(run))
        parts.append(_section(f"### variant: {name}", run, "", own))
    return "\n".join(parts)


def api() -> str:
    """Return docs/reference/api.md: public functions and classes by room, read, not imported."""
    parts = [
        "# Functions and classes\n\nA line each, by room; which room may import which is in "
        "tests/test_house.py.\n"
    ]
    room = None
    for path in sorted(SRC.rglob("*.py"), key=lambda p: (len(p.relative_to(SRC).parts), p)):
        inside = path.relative_to(SRC)
        if path.name.startswith("__"):
            continue
        here = inside.parts[0] if len(inside.parts) > 1 else "memegan"
        if here != room:
            room, parts = here, [*parts, f"## {here}\n"]
        parts.append(_module(inside, ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(parts)


def reasons() -> str:
    """Return docs/reference/errors.md: stable codes, exit codes, errors and alarms."""

    def codes(table: Mapping[str, str]) -> str:
        return _table(("code", "meaning"), [(f"`{code}`", text) for code, text in table.items()])

    shared = {code: REASONS[code] for code in (*PICTURES, *LISTED)}
    kinds = [
        (f"`{name}`", _exit_code(kind), _first(kind.__doc__))
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.MemeganError)
    ]
    alarms = [(f"`{name}`", mend) for name, mend in alarm_names()]
    return "\n".join(
        [
            "# Codes\n\nThese words do not change: tables, logs and scripts may rely on them.\n",
            f"## data/raw/fetches.csv: `reason`\n\n{codes(REASONS)}",
            f"## data/frames/videos.csv: `reason`\n\n{codes(VIDEO)}",
            f"## data/frames/frames.csv: `reason`\n\n{codes(FRAMES)}",
            f"## data/dedup/quarantine.csv: `reason`\n\n{codes({**shared, **QUARANTINE})}",
            f"## Alarms of a training\n\n{_table(('alarm', 'what may mend it'), alarms)}",
            f"## Errors\n\n{_table(('error', 'exit code', 'meaning'), kinds)}",
            f"## Exit codes\n\n{_table(('code', 'meaning'), EXITS.items())}",
        ]
    )


def benchmarks() -> str:
    """Return docs/benchmarks/README.md: the results that lie beside it."""
    parts = []
    for path in sorted((ROOT / "docs/benchmarks").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        cases = result["cases"].items()
        ratios = any("ratio" in case for _, case in cases)
        rows = [(label, *_measured(case), *_place({**result, **case})) for label, case in cases]
        head = ("case", "ours ÷ reference" if ratios else "measured", "samples", "machine", "at")
        target = f"Target: {result['target']}.\n\n" if result["target"] else ""
        parts.append(
            f"## {result['name']}\n\n{result['what']} `{result['command']}`\n\n"
            f"{target}{_table(head, rows)}"
        )
    return (
        "# Benchmarks\n\nA ratio is time of ours over time of the reference, in alternating blocks "
        "of one run: below 1 is\nfaster; in brackets its bootstrap 95 % interval. A figure of "
        "samples is their median. Other work ran on\nthe machines meanwhile: a wide interval says "
        "how much that mattered. `memegan bench NAME` measures\nagain, `make docs` writes this "
        "page.\n\n" + "\n".join(parts)
    )


def layers() -> str:
    """Return docs/layers.md: the language of networks, each layer and each preset."""
    common = [row for kind in (Layer, Ended, Weighted) for row in _options(kind)]
    kinds = {**KINDS, **BLOCKS}
    rows = [
        (f"`{name}`", " ".join(kind.takes), _told_options(kind), _first(kind.__doc__))
        for name, kind in kinds.items()
    ]
    texts = []
    for name, preset in PRESETS.items():
        known = variables(64, 64, 100, 1)
        plan = blueprint(preset.generator, Frame((100,), known))
        text = f"generator:\n\n```\n{preset.generator}```\n\ndiscriminator:\n\n```\n"
        text += f"{preset.discriminator}```\n"
        text += f"\ndecoder:\n\n```\n{preset.decoder}```\n" if preset.decoder else ""
        text += f"\nThe generator at 64 px, width 64:\n\n```\n{plan.table()}```\n"
        texts.append(f"## {name}\n\n{preset.source}.\n\n{text}")
    return (
        "# Layers\n\n`network.generator` and `network.discriminator` of a hypergan run are texts: "
        "one layer a line,\n`#` begins a comment, `{ }` holds a block. Numbers may be products "
        "(`2*$width`);\nwords are choices.\n\n"
        + _table(("layer", "written first", "may say", "what it is"), rows)
        + "\nEvery layer may say `name` and `from`; those with `norm` may say both of these, and\n"
        "`bias` and `gain` where they have weights:\n\n"
        + _table(("option", "type", "default", "description"), common)
        + f"\n# Variables\n\n{inspect.cleandoc(variables.__doc__ or '')}\n"
        + f"\nIn a `resizable_stack`: {inspect.cleandoc(StackBlock.__doc__ or '')}\n"
        + "\n# Presets\n\n"
        + "\n".join(texts)
    )


def _options(kind: type[BaseModel]) -> list[Cells]:
    """List the options that this class itself adds."""
    own = set(vars(kind).get("__annotations__", {}))
    return [
        (f"`{f.alias or name}`", _kind(f.annotation), _default(f), f.description or "")
        for name, f in kind.model_fields.items()
        if name in own
    ]


def _told_options(kind: type[BaseModel]) -> str:
    shared = {name for base in (Layer, Ended, Weighted) for name in vars(base)["__annotations__"]}
    told = []
    for name, f in kind.model_fields.items():
        if name not in shared or name in vars(kind).get("__annotations__", {}):
            default = "" if f.is_required() else f" = {_default(f).strip('`')}"
            limits = _limits(f)
            more = f" ({limits})" if limits else ""
            about = f", {f.description}" if f.description else ""
            told.append(f"`{name}`: {_kind(f.annotation)}{default}{more}{about}")
    if issubclass(kind, Ended):
        told.append("norm, activation")
    return "; ".join(told)


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/files.md": files,
    "docs/reference/cli.md": cli,
    "docs/reference/params.md": params,
    "docs/reference/api.md": api,
    "docs/reference/errors.md": reasons,
    "docs/benchmarks/README.md": benchmarks,
    "docs/layers.md": layers,
}


def page(name: str) -> str:
    """Return a page as it is committed."""
    return MADE + PAGES[name]()


def main() -> None:
    """Write all pages."""
    for name in PAGES:
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(name), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{name}\n")


def variant_names() -> list[str]:
    """List the variants, each a file."""
    return sorted({m.name for m in pkgutil.iter_modules(variants.__path__)} - {"base"})


def alarm_names() -> list[tuple[str, str]]:
    """List the alarms of training/alarms.py and what each says may mend it."""
    tree = ast.parse((SRC / "training/alarms.py").read_text(encoding="utf-8"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _name(n.func) == "Alarm"]
    return sorted((ast.literal_eval(c.args[0]), ast.literal_eval(c.args[2])) for c in calls)


def undescribed() -> list[str]:
    """List the parameters that say nothing of themselves."""
    lines = params().splitlines()
    return [line.split(" | ")[0].strip("| `") for line in lines if line.endswith("|  |")]


def _shape(name: str, text: str, rows: Iterable[Cells]) -> str:
    head = ("column", "type", "unit", "range", "example", "meaning")
    return f"## {name}\n\n{_sentence(text)}\n\n{_table(head, rows)}"


def _column(c: Column) -> Cells:
    names = {str: "text", int: "integer", float: "number", bool: "0 or 1"}
    kind = " · ".join(f"`{choice}`" for choice in c.choices) or names[c.base]
    ends = [
        f"≥ {c.low:g}" if c.low is not None else "",
        f"≤ {c.high:g}" if c.high is not None else "",
    ]
    limits = ", ".join(filter(None, [*ends, "unique" if c.unique else ""]))
    return (
        *(f"`{c.name}`", kind + (" or empty" if c.optional else ""), c.unit, limits),
        *("" if c.example == "" else f"`{c.example}`", c.doc),
    )


def _command(word: str) -> Any:  # noqa: ANN401 - Typer keeps the type to itself
    """Build a command as `memegan WORD` does."""
    module = import_module(f"memegan.cli.{word.replace('-', '_')}")
    app = vars(module).get("app")  # of a command of several words
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name=word)(vars(module)[word.replace("-", "_")])
    return typer.main.get_command(app)


def _help(command: Any, usage: str, head: str) -> str:  # noqa: ANN401 - as above
    given = [p for p in command.params if p.param_type_name == "argument"]
    shown = " ".join([usage, "[OPTIONS]", *map(_word, given)])
    rows = [_param(p) for p in command.params]
    table = _table(("argument or option", "type", "default", "meaning"), rows) if rows else ""
    text = inspect.cleandoc(command.help)
    return f"{head} {usage}\n\n    {shown}\n\n{text}\n" + (f"\n{table}" if table else "")


def _word(p: Any) -> str:  # noqa: ANN401 - as above
    name = p.name.upper() + ("..." if p.nargs == -1 else "")
    return name if p.required else f"[{name}]"


def _param(p: Any) -> Cells:  # noqa: ANN401 - as above
    is_argument = p.param_type_name == "argument"
    name = _word(p) if is_argument else ", ".join((*p.opts, *p.secondary_opts))
    default = "" if p.default in (None, False) else f"`{p.default}`"
    kind = _kind(p.type_descriptor.annotation)
    return f"`{name}`", kind, "required" if p.required else default, p.help or ""


def _section(head: str, model: type[BaseModel], at: str, only: set[str] | None = None) -> str:
    rows = list(_fields(model, at, only))
    table = _table(("name", "type", "default", "range", "description"), rows)
    return f"{head}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n{table}"


def _fields(model: type[BaseModel], at: str, only: set[str] | None = None) -> Iterator[Cells]:
    """Yield a row a field, and those of a section inside it after it."""
    for name, f in model.model_fields.items():
        if only is not None and name not in only:
            continue
        inner = _inner(f.annotation)
        told = f.description or (
            "as above" if name == "kind" else _first(inner.__doc__ if inner else "")
        )
        yield f"`{at}{name}`", _kind(f.annotation), _default(f), _limits(f), told
        if inner is not None:
            many = "[]" if get_origin(f.annotation) is tuple else ""
            yield from _fields(inner, f"{at}{name}{many}.")


def _inner(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    """Return the closed section that a field holds, or None; sources have tables of their own."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    items = [a for a in get_args(annotation) if inspect.isclass(a)]
    nested = [a for a in items if issubclass(a, BaseModel)]
    return nested[0] if len(nested) == 1 else None


def _kind(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    args = [a for a in get_args(annotation) if a is not Ellipsis]
    origin = get_origin(annotation)
    if origin is Literal:
        return " · ".join(f"`{choice}`" for choice in args)
    if origin is dict:
        return f"{_kind(args[0])}: {_kind(args[1])}"
    if origin is list:
        return f"{_kind(args[0])}, several"
    if origin is tuple and Ellipsis not in get_args(annotation):
        return f"{len(args)} of {_kind(args[0])}"
    if origin is tuple:
        return f"list of {'sections' if _union(args[0]) else _kind(args[0])}"
    if type(None) in args:
        return f"{_kind(next(a for a in args if a is not type(None)))} or null"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "section"
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    names[Fraction] = "number or a fraction as text"
    return names[annotation]


def _union(annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    return bool(annotation in (AnySource, get_args(AnySource)[0]))


def _default(f: FieldInfo) -> str:
    if f.is_required():
        return "required"
    value = f.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value is PydanticUndefined:
        return ""
    plain = list(value) if isinstance(value, tuple) else value
    return f"`{json.dumps(plain, default=str)}`"


def _limits(f: FieldInfo) -> str:
    found = []
    for rule in f.metadata:
        match rule:
            case annotated_types.Ge(ge=x):
                found.append(f"≥ {x}")
            case annotated_types.Gt(gt=x):
                found.append(f"> {x}")
            case annotated_types.Le(le=x):
                found.append(f"≤ {x}")
            case annotated_types.Lt(lt=x):
                found.append(f"< {x}")
            case annotated_types.MinLen(min_length=n):
                found.append(f"{n} or more")
            case _ if pattern := getattr(rule, "pattern", None):
                found.append(f"`{pattern}`")
    return ", ".join(found)


def _module(inside: Path, tree: ast.Module) -> str:
    kinds = (ast.FunctionDef, ast.ClassDef)
    rows = [
        (f"`{_signature(node)}`", _first(ast.get_docstring(node)))
        for node in tree.body
        if isinstance(node, kinds) and not node.name.startswith("_")
    ]
    name = ".".join(inside.with_suffix("").parts)
    table = f"\n{_table(('name', 'what it is'), rows)}" if rows else ""
    return f"### {name}\n\n{_first(ast.get_docstring(tree))}\n{table}"


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return f"class {node.name}"
    a = node.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args)]
    names += [f"*{a.vararg.arg}"] if a.vararg else []
    names += [arg.arg for arg in a.kwonlyargs]
    names += [f"**{a.kwarg.arg}"] if a.kwarg else []
    return f"{node.name}({', '.join(names)})"


def _measured(case: Mapping[str, Any]) -> Cells:
    """Return what came out, and of how many samples."""
    if "ratio" in case:
        span = f"{case['low']:.3g} to {case['high']:.3g}"
        return f"{case['ratio']:.3g} ({span}){paces(case)}", len(case["samples"])
    told = ", ".join(f"{count} x {word}" for word, count in case["outcomes"].items())
    worst = case.get("worst", {})
    figures = [
        f"{shown} {case[name]:.3g}" + ("" if name in REFERENCES else f" (worst {worst[name]:.3g})")
        for name, shown in FIGURES.items()
        if name in worst
    ]
    return "; ".join([told, *figures]), len(case["samples"])


def _place(result: Mapping[str, Any]) -> Cells:
    """Return the machine and the commit; a case may have its own in `about`."""
    said = {**result, **result.get("about", {})}
    cpu = said["cpu"].replace("(R)", "").replace(" Processor", "")
    threads = "1 thread" if said["threads"] == 1 else f"{said['threads']} threads"
    commit, *changes = said["commit"].split(" ", 1)
    return f"{cpu}, {threads}, torch {said['torch']}", " ".join([commit[:12], *changes])


def _exit_code(kind: type[errors.MemeganError]) -> str:
    return "75, 130 or 143" if kind is errors.Stopped else str(kind.exit_code)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _first(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n\n")[0].replace("\n", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _table(head: Cells, rows: Iterable[Cells]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


if __name__ == "__main__":
    main()
