"""A list of urls: a text file, or a CSV or TSV with checksums and rectangles."""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

from memegan.errors import SourceError
from memegan.sources.base import Fetcher, LocalParams, Media, Post, Request, left_out

_KNOWN = {"url", "md5", "md5sum", "sha256", "rect", "alternates", "caption"}
_KNOWN |= {"posted_at", "permalink", "is_adult"}


class UrlsSource(LocalParams):
    """One post a line.

    A text file holds one url a line; `#` starts a comment. A .csv or .tsv has a header with
    `url` and, where known, `md5` (or `md5sum`), `sha256`, `rect` (x0,y0,x1,y1), `alternates`
    (space-separated), `caption`, `posted_at` (UTC), `permalink` and `is_adult` (1); PubFig's
    `person imagenum url rect md5sum` is read as it is (its header is the last comment line).
    Other columns come along.
    """

    kind: Literal["urls"]

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield the rows, each a post named by the digest of its url and rectangle."""
        self.check_path()
        try:
            lines = self.path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(
                f"the list cannot be read: {error}",
                where=f"scrape.sources: {self.path}",
                fix="bring it as UTF-8 text (below data/inputs), or mend the path",
            ) from None
        seen = set[str]()
        for number, row in self._rows(lines):
            if not row.get("url"):
                raise SourceError(
                    "no url in this line",
                    where=f"{self.path}, line {number}",
                    fix="write one, or take the line out",
                )
            post = self._post(number, row)
            if post.id not in seen:  # a line written twice is one post
                seen.add(post.id)
                yield post

    def request(self, url: str) -> Request:
        return Request(url)

    def _rows(self, lines: list[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
        plain = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
        if self.path.suffix.lower() not in (".csv", ".tsv"):
            if any("\t" in line for _, line in plain):
                yield from self._table(plain, "\t")
                return
            for number, line in plain:
                if not line.startswith("#"):
                    yield number, {"url": line.strip()}
            return
        yield from self._table(plain, "\t" if self.path.suffix.lower() == ".tsv" else ",")

    def _table(
        self, lines: list[tuple[int, str]], separator: str
    ) -> Iterator[tuple[int, Mapping[str, str]]]:
        comments = [line for _, line in lines if line.startswith("#")]
        rows = [(n, line) for n, line in lines if not line.startswith("#")]
        header = comments[-1].lstrip("# ") if comments and separator in comments[-1] else ""
        if not header and rows:
            header, rows = rows[0][1], rows[1:]
        names = [name.strip().lower() for name in header.split(separator)]
        if "url" not in names:
            raise SourceError(
                f"no column 'url' among {names}",
                where=str(self.path),
                fix="name the columns in the first line",
            )
        for number, line in rows:
            cells = next(csv.reader([line], delimiter=separator))
            yield number, dict(zip(names, cells, strict=False))

    def _post(self, number: int, row: Mapping[str, str]) -> Post:
        try:
            corners = [int(part) for part in row.get("rect", "").split(",") if part.strip()]
            if len(corners) not in (0, 4):
                raise ValueError
        except ValueError:
            raise SourceError(
                f"'{row['rect']}' is not x0,y0,x1,y1",
                where=f"{self.path}, line {number}",
                fix="write four whole numbers, or nothing",
            ) from None
        rect = (corners[0], corners[1], corners[2], corners[3]) if corners else None
        media = Media(
            url=row["url"],
            alternates=tuple(row.get("alternates", "").split()),
            md5=row.get("md5") or row.get("md5sum", ""),
            sha256=row.get("sha256", ""),
            rect=rect,
        )
        is_large = rect is None or self.is_large(rect[2] - rect[0], rect[3] - rect[1])
        more = {k: v for k, v in row.items() if k and k not in _KNOWN and v}
        return Post(
            id=hashlib.sha256(f"{row['url']} {row.get('rect', '')}".encode()).hexdigest()[:16],
            media=(media,) if is_large else (),
            text=row.get("caption", ""),
            posted_at=row.get("posted_at", ""),
            permalink=row.get("permalink", ""),
            is_adult=row.get("is_adult") == "1",
            extra=more | left_out([] if is_large else ["too small"]),
        )
