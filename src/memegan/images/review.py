"""One offline page of what dedup found alike, side by side, with what it goes by."""

import base64
from collections.abc import Callable, Sequence
from html import escape

import cv2
import numpy as np

from memegan.records import DuplicateRow

Show = Callable[[str], np.ndarray | None]  # of an id: (H, W, 3) uint8, or None where it is gone
_SIDE_PX = 240
_LEVELS = ("same", "template")
_STYLE = """
body{font:16px/1.4 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:1rem;color:#222;
background:#fff}
fieldset{display:flex;flex-wrap:wrap;gap:1rem;border:1px solid #bbb;border-radius:.4rem;
margin:0 0 1rem;min-width:0}
figure{margin:0;max-width:100%}img{max-width:100%;height:auto;display:block}
figcaption,p{overflow-wrap:anywhere}label{display:block}textarea{width:100%;height:8rem}
@media(prefers-color-scheme:dark){body{background:#181818;color:#eee}}
"""
_SCRIPT = """
const lines=()=>['a,b,verdict,reason',...[...document.querySelectorAll('input:checked')]
.filter(i=>i.value).map(i=>i.dataset.pair+','+i.value+',looked at')].join('\\n')+'\\n';
const tell=()=>{document.querySelector('textarea').value=lines();
document.querySelector('#save').href='data:text/csv,'+encodeURIComponent(lines())};
document.addEventListener('change',tell);tell();
"""


def review_page(duplicates: Sequence[DuplicateRow], show: Show) -> str:
    """Return the page: a pair of pictures each, and what a person may say about it.

    What is said becomes the lines of data/decisions.csv, to be saved from the page. It needs no
    network: pictures are in it, at most 240 px wide.
    """
    pairs = [row for row in duplicates if row.level in _LEVELS]
    shown = "".join(_pair(n, row, show) for n, row in enumerate(pairs))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Dedup: what is alike</title>'
        f"<style>{_STYLE}</style><h1>What dedup found alike</h1>"
        f"<p>{len(pairs)} pairs. The first of each pair stays; at level same the second is left "
        "out, at level template it stays too, on the same side of the split. What you choose here "
        "is for <code>data/decisions.csv</code>.</p>"
        f'{shown}<h2>Decisions</h2><label for="lines">Lines of data/decisions.csv</label>'
        '<textarea id="lines" readonly></textarea>'
        '<p><a id="save" download="decisions.csv" href="#">Save decisions.csv</a></p>'
        f"<script>{_SCRIPT}</script></html>\n"
    )


def _pair(number: int, row: DuplicateRow, show: Show) -> str:
    pair = escape(f"{row.kept},{row.dropped}", quote=True)
    choices = [("", f"as found: {row.level}"), ("same", "same"), ("template", "template")]
    radios = "".join(
        f'<label><input type="radio" name="pair{number}" data-pair="{pair}" value="{value}"'
        f"{'' if value else ' checked'}> {text}</label>"
        for value, text in [*choices, ("apart", "nothing to do with each other")]
    )
    figures = "".join(_figure(id_, show) for id_ in (row.kept, row.dropped))
    return (
        f"<fieldset><legend>{number + 1}: {row.level}, {row.distance:g}</legend>{figures}"
        f"<div><p>{escape(row.why)}</p><p>{escape(row.url)}</p>{radios}</div></fieldset>"
    )


def _figure(id_: str, show: Show) -> str:
    pixels = show(id_)
    if pixels is None:
        return f"<figure><figcaption>{escape(id_)}: not there any more</figcaption></figure>"
    scale = min(1.0, _SIDE_PX / pixels.shape[1])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    uri = base64.b64encode(data.tobytes()).decode("ascii")
    return (
        f'<figure><img src="data:image/jpeg;base64,{uri}" width="{size[0]}" height="{size[1]}" '
        f'alt="picture {escape(id_)}"><figcaption>{escape(id_)}</figcaption></figure>'
    )
