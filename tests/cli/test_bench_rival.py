"""What `memegan bench rival` gives both sides, and how it says who is nearer."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from benchmarks import _emoji, rival
from benchmarks._emoji import emoji
from PIL import Image

from memegan.benches import Sample
from memegan.errors import DataError
from memegan.variants.hypergan import HyperGANRun

TEMPLATE = "deconv(512, k=4)\nconv(64, k=4)\nconv(3, k=4)\n# batch_size = 16\nbatch_size = 64\n"


def labelled(folder: Path, names: Mapping[str, str]) -> None:
    """Write emoji/labels.csv: a name for each file."""
    rows = "".join(f"{file},{name}\n" for file, name in names.items())
    (folder / "labels.csv").write_text(f"file,name\n{rows}")


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """20 figures, each alone and in two guises, half transparent: a name for each file."""
    folder = tmp_path / "emoji" / "people"
    folder.mkdir(parents=True)
    names = {}
    for number in range(20):
        for guise in ("", "_cook", "_tone_5"):
            Image.new("RGBA", (64, 64), (255, 0, 0, 128)).save(folder / f"{number:02}{guise}.png")
            names[f"people/{number:02}{guise}.png"] = f"figure{number:02}{guise}"
    labelled(tmp_path / "emoji", names)
    monkeypatch.setenv("MEMEGAN_REAL_DATA", str(tmp_path))
    return names


def test_a_tenth_of_the_families_is_held_out_whole_and_on_white(
    people: dict[str, str], tmp_path: Path
) -> None:
    known = emoji()
    assert (len(known.taught), len(known.held_out)) == (54, 6)
    assert known.taught.dtype == torch.uint8
    assert known.held_out[0, :, 0, 0].tolist() == [255, 127, 127]
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "emoji" / "people" / "blue.png")
    labelled(tmp_path / "emoji", {**people, "people/blue.png": "figure00_blue"})
    blues = emoji().held_out[:, 2].amin((1, 2)).tolist()
    assert sorted(blues) == [127] * 6 + [255]


def test_what_theirs_reads_is_the_same_bits(tmp_path: Path) -> None:
    pictures = torch.randint(256, (3, 3, 64, 64), dtype=torch.uint8)
    rival.write(pictures, tmp_path / "emoji")
    read = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "emoji").iterdir())]
    assert torch.equal(torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2), pictures)


@pytest.mark.parametrize("is_set", [True, False])
def test_without_emoji_it_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_set: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEMEGAN_REAL_DATA", raising=False)
    if is_set:
        monkeypatch.setenv("MEMEGAN_REAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no emoji(.|\n)*MEMEGAN_REAL_DATA"):
        emoji()


def test_the_template_as_it_comes_is_not_changed_and_a_narrow_one_in_proportion() -> None:
    assert rival.narrowed(TEMPLATE, **sizes("dcgan")) == TEMPLATE
    narrow = rival.narrowed(TEMPLATE, **sizes("narrow"))
    assert re.findall(r"\d+(?=[,\n])", narrow) == ["128", "16", "3", "16", "16"]


def test_the_narrow_case_has_the_width_and_batch_of_ours() -> None:
    run = HyperGANRun.model_validate(rival.RUN)
    said = cast("Mapping[str, object]", rival.RUN["network"])
    assert sizes("narrow") == {"width": said["generator_width"], "batch_size": run.batch_size}
    assert run.crop_px == _emoji.SIDE_PX


def test_nearer_is_nearer_in_both_distances() -> None:
    for ours, words in ((1.0, "ours nearer"), (3.0, "theirs nearer")):
        found = {"ours_kid": ours, "theirs_kid": 2.0, "ours_swd": ours, "theirs_swd": 2.0}
        assert rival.outcome(found) == words
    assert rival.outcome({**found, "ours_kid": 1.0}) == "mixed"
    assert rival.outcome({"ours_kid": 1.0, "ours_swd": 1.0}) == "theirs not finite"


def test_a_summary_has_the_median_and_the_largest_distance() -> None:
    samples: list[Sample] = [
        {"outcome": "ours nearer", "ours_kid": kid, "ours_images": 16} for kid in (1.0, 4.0)
    ]
    samples = [{"outcome": "theirs not finite", "ours_kid": 2.0}, *samples]
    found = rival.BENCH.summary(samples)
    assert found["outcomes"] == {"ours nearer": 2, "theirs not finite": 1}
    assert (found["ours_kid"], found["worst"]) == (2.0, {"ours_kid": 4.0})


def test_what_is_written_of_it_is_read_as_the_same_and_it_goes_on() -> None:
    assert json.loads(json.dumps(rival.BENCH.params)) == rival.BENCH.params


def sizes(case: str) -> dict[str, int]:
    return cast("dict[str, int]", dict(rival.BENCH.cases[case]))
