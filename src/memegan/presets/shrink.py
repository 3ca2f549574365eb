"""A recipe's tiny form: the same stages, variants and switches on generated pictures."""

from collections.abc import Mapping
from typing import Any

import yaml

SIZE_PX = 32
COMMUNITIES = {  # of the demo, by what a run's side is
    "translate": {"a": "holiday_photos", "b": "saturday_cartoons"},
    "other": {"a": "blobface_memes", "b": "everything_memes"},
}
TRANSLATORS = {"cyclegan", "cut", "superres"}
SMALL = {  # settings that decide how much is computed, wherever they stand
    **{"width": 8, "blocks": 2, "generator_width": 8, "discriminator_width": 8},
    **{"encoder_width": 8, "decoder_width": 8, "filters": 8, "mixtures": 2},
    **{"total_images": 64, "crop_px": SIZE_PX, "load_px": SIZE_PX, "threads": 1},
    **{"log_every_images": 16, "grid_every_images": 32, "checkpoint_every_images": 32},
    **{"n_max": 64},
}
UNET_WIDTH = 2
MOST_AT_ONCE = 8


def shrunk(text: str) -> str:
    """Return the tiny form of a recipe: YAML to YAML, without its comments.

    Domains keep their names, and get demo communities for the sources that the recipe names.
    """
    recipe = yaml.safe_load(text)
    communities: dict[str, str] = {}
    for run in recipe["train"].values():
        of = COMMUNITIES["translate" if run["variant"] in TRANSLATORS else "other"]
        for side, domain in run["data"].items():
            communities.setdefault(domain, of[side])
    recipe["scrape"]["sources"] = [
        {"kind": "demo", "community": community, "domain": domain, "limit": 160}
        for domain, community in communities.items()
    ]
    recipe["frames"].pop("inputs", None)
    recipe["dedup"]["min_size_px"] = 48
    recipe["resize"] |= {"size_px": SIZE_PX, "format": "png"}
    recipe["manifest"] |= {"val_share": 0.2, "test_share": 0.2}
    recipe = _small(recipe)
    if "model" in recipe:
        recipe["model"]["unet"]["width"] = UNET_WIDTH
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)


def _small(value: Any) -> Any:  # noqa: ANN401 - any tree of YAML
    if isinstance(value, list):
        return [_small(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    small = {key: SMALL.get(key, _small(inner)) for key, inner in value.items()}
    if "batch_size" in small:
        small["batch_size"] = min(small["batch_size"], MOST_AT_ONCE)
    return small
