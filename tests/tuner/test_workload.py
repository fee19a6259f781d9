"""The pinned texts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ishowtts.tuner import workload
from ishowtts.tuner.plan import BUCKETS, QUALITY_ITEMS


def test_texts_last_about_as_long_as_their_bucket_says() -> None:
    made = workload.make("v", 2.0, seconds=5.0, text_bytes=75, longest_bytes=1000)
    for bucket, wanted_s in BUCKETS.items():
        said_s = len(made.texts[bucket]) * 5.0 / 75
        assert wanted_s - 1.0 < said_s <= wanted_s + 0.1
    assert len(made.quality_texts) == QUALITY_ITEMS == len(set(made.quality_texts))


@given(st.floats(0.1, 30), st.integers(0, 1000), st.integers(1, 2000))
def test_any_voice_can_say_them_in_one_piece(seconds: float, text_bytes: int, longest_bytes: int) -> None:
    made = workload.make("v", 2.0, seconds, text_bytes, longest_bytes)
    for text in made.texts.values():
        assert len(text.encode()) <= max(longest_bytes + 1, len("Yes."))
        assert text.isascii()
        assert text.endswith(".")
        assert not text.endswith("..")


def test_long_texts_repeat_the_passage() -> None:
    made = workload.make("v", 2.0, seconds=1.0, text_bytes=200, longest_bytes=5000)
    assert made.texts["long"].startswith(f"{workload.PASSAGE} {workload.PASSAGE}")


def test_the_fingerprint_is_of_all_that_is_spoken_and_stays_the_same() -> None:
    made = workload.make("v", 2.0, 5.0, 75, 1000)
    assert made.fingerprint == workload.make("v", 2.0, 5.0, 75, 1000).fingerprint
    others = [
        replace(made, voice="w"),
        replace(made, cfg=2.5),
        replace(made, seed=1),
        replace(made, texts={**made.texts, "short": "Yes."}),
        replace(made, quality_texts=("A.", *made.quality_texts[1:])),
        workload.make("v", 2.0, 6.0, 75, 1000),
    ]
    assert len({one.fingerprint for one in (made, *others)}) == len(others) + 1


def test_fitted_to_a_vocabulary_every_text_is() -> None:
    shouted = workload.fit(workload.make("v", 2.0, 5.0, 75, 1000), str.upper)
    assert all(text.isupper() for text in (*shouted.texts.values(), *shouted.quality_texts))
