"""Memes: one homogeneous community, and one where templates come back with other captions."""

from collections import Counter

import numpy as np

from memegan.demo.memes import anything, blobface, captioned
from memegan.demo.world import draw, scene


def test_no_two_faces_are_the_same_and_each_comes_out_the_same_again() -> None:
    faces = [blobface(number, 32).tobytes() for number in range(300)]
    assert len(set(faces)) == 300
    assert faces[:20] == [blobface(number, 32).tobytes() for number in range(20)]


def test_faces_are_of_one_kind_and_the_mixed_community_is_not() -> None:
    """A face is nearer to the mean face than a mixed post is to the mean post."""

    def spread(pictures: list[np.ndarray]) -> float:
        stack = np.stack(pictures)
        return float(np.abs(stack - stack.mean(axis=0)).mean())

    faces = [np.asarray(blobface(n, 32), np.float32) for n in range(100)]
    posts = [np.asarray(anything(n, 32), np.float32) for n in range(100)]
    assert spread(faces) < 0.8 * spread(posts)


def test_siblings_share_their_template_and_differ_in_the_lines_of_text() -> None:
    base = draw(scene(1), "photo", 128)
    one, other = captioned(base, "nobody:", "retry"), captioned(base, "me on monday", "works here")
    differs = (np.asarray(one) != np.asarray(other)).any(axis=(1, 2))
    assert differs[:20].any()
    assert differs[-20:].any()
    assert not differs[24:104].any()
    assert one.size == base.size == (128, 128)


def test_templates_come_back_with_other_captions_in_the_mixed_community() -> None:
    """The middle of a captioned picture is its template's: the same bytes in many posts."""
    posts = [np.asarray(anything(number, 128)) for number in range(120)]
    whole = Counter(post.tobytes() for post in posts)
    middle = Counter(post[40:88, 40:88].tobytes() for post in posts)
    assert len(whole) >= 110
    assert sum(1 for count in middle.values() if count >= 2) >= 6
