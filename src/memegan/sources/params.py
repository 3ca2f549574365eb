"""The `scrape` section: which sources, and how they are asked."""

from typing import Annotated

from pydantic import Field

from memegan.sources.archive import ArchiveSource
from memegan.sources.demo import DemoSource
from memegan.sources.dvc import DvcSource
from memegan.sources.folder import FolderSource
from memegan.sources.gallery_dl import GalleryDlSource
from memegan.sources.kaggle import KaggleSource
from memegan.sources.reddit import RedditSource
from memegan.sources.rss import RssSource
from memegan.sources.telegram import TelegramSource
from memegan.sources.urls import UrlsSource
from memegan.sources.video import VideoSource
from memegan.sources.vk import VkSource

AnySource = Annotated[
    ArchiveSource
    | DemoSource
    | DvcSource
    | FolderSource
    | GalleryDlSource
    | KaggleSource
    | RedditSource
    | RssSource
    | TelegramSource
    | UrlsSource
    | VideoSource
    | VkSource,
    Field(discriminator="kind"),
]
