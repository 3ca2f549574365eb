"""Datasets and competitions of Kaggle, by its HTTPS API and the user's own token."""

import base64
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from memegan.sources.base import Fetcher, Media, Post, Request, is_note
from memegan.sources.files.base import BroughtParams

if TYPE_CHECKING:
    from requests import Session

TOKEN, USER, KEY = "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"
_SITE = "https://www.kaggle.com"
_TRIES = 5  # of a download that breaks off; each goes on where the last one ended
_CHUNK = 1 << 20
_MEND = {
    401: f"make a new token on Kaggle's settings page and set {TOKEN}, or {USER} and {KEY}",
    403: "open its page in a browser with the token's account and accept the rules",
    404: "mend the name: owner/name of a dataset, or the last part of a competition's address",
}


class KaggleSource(BroughtParams):
    """All pictures of a dataset or competition, which comes as one zip."""

    needs_terms: ClassVar[bool] = True

    kind: Literal["kaggle"]
    dataset: str = Field(default="", pattern=r"^([\w-]+/[\w-]+)?$", description="owner/name")
    competition: str = Field(default="", pattern=r"^[\w-]*$", description="name")
    version: int | None = Field(default=None, ge=1, description="of the dataset; else the newest")
    max_gb: float = Field(default=20, gt=0, description="of the zip")
    api: str = Field(default=f"{_SITE}/api/v1", description="another address of it")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "KaggleSource":
        if bool(self.dataset) == bool(self.competition):
            raise ValueError("give either `dataset` or `competition`")
        return self

    @property
    def origin(self) -> str:
        if self.competition:
            return f"{_SITE}/competitions/{self.competition}"
        return f"{_SITE}/datasets/{self.dataset}" + (f"/v{self.version}" if self.version else "")

    def preview(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each file that Kaggle lists, page by page."""
        return self.chosen(
            Post(id=name, media=(Media(f"{self.origin}/{quote(name)}"),))
            for name in self._names(fetch)
            if not is_note(PurePosixPath(name))
        )

    def bring(self, target: Path, fetch: Fetcher | None) -> None:
        import requests  # a tenth of what a whole scrape imports, for this kind alone

        part = self.home / "download.part"  # stays after a kill, and the next run goes on
        retry = Retry(
            _TRIES, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), read=0
        )
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))
            for left in range(_TRIES - 1, -1, -1):
                try:
                    self._download(session, part)
                    break
                except (requests.RequestException, HTTPError) as error:
                    if not left:
                        fix = "run again: the download goes on where it stopped"
                        raise self.refusal(f"it broke off: {type(error).__name__}", fix) from None
        if not zipfile.is_zipfile(part):
            part.unlink()
            raise self.refusal("Kaggle's answer is no zip", "try its download in a browser")
        part.replace(target)

    def _download(self, session: "Session", part: Path) -> None:
        from requests import ConnectionError as BrokenOff

        tag = part.with_suffix(".etag")
        headers = self._login()
        same = tag.read_text(encoding="utf-8") if tag.exists() else ""
        have = part.stat().st_size if part.exists() and same else 0
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": same}
        what = f"datasets/download/{self.dataset}"
        what = f"competitions/data/download-all/{self.competition}" if self.competition else what
        url = f"{self.api}/{what}{self._query()}"
        with session.get(url, headers=headers, stream=True, timeout=(10, 60)) as answer:
            if answer.status_code == 416 and have:  # we have it all, or too much of it
                part.unlink()
                raise BrokenOff("it starts anew")
            if answer.status_code not in (200, 206):
                mend = _MEND.get(answer.status_code, "try again later")
                raise self.refusal(f"Kaggle refuses: status {answer.status_code}", mend)
            is_more = answer.status_code == 206
            tag.write_text(answer.headers.get("ETag", ""), encoding="utf-8")
            with part.open("ab" if is_more else "wb") as file:
                while chunk := answer.raw.read1(_CHUNK):  # as it comes: `read` would lose a rest
                    file.write(chunk)
                    if file.tell() > self.max_gb * 1e9:
                        raise self.refusal(f"it is over {self.max_gb:g} GB", "raise `max_gb`")
            declared = int(answer.headers.get("Content-Length", "0"))
            if part.stat().st_size < declared + (have if is_more else 0):
                raise BrokenOff("the body ends early")

    def _names(self, fetch: Fetcher) -> Iterator[str]:
        what = f"datasets/list/{self.dataset}"
        what = f"competitions/data/list/{self.competition}" if self.competition else what
        page = ""
        while True:
            url = f"{self.api}/{what}{self._query(pageSize='200', pageToken=page)}"
            answer = self.read_json(fetch(Request(url, self._login())))
            for file in answer.get("datasetFiles") or answer.get("files") or []:
                yield str(file["name"])
            page = answer.get("nextPageToken", "")
            if not page:
                return

    def _query(self, **more: str) -> str:
        version = {"datasetVersionNumber": str(self.version)} if self.version else {}
        query = urlencode({name: value for name, value in {**version, **more}.items() if value})
        return f"?{query}" if query else ""

    def _login(self) -> dict[str, str]:
        if os.environ.get(TOKEN) or not os.environ.get(KEY):
            return {"Authorization": f"Bearer {self.secret(TOKEN)}"}
        both = f"{self.secret(USER)}:{self.secret(KEY)}"
        return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}
