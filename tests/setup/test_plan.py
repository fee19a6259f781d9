"""Which steps are open: decided without a disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ishowtts.setup import models, plan
from ishowtts.setup.plan import ACTIVATE, RUNTIME, SMOKE, STEPS, WEIGHTS, Facts, Journal, Kept, Wheel
from tests.steady import steady

MODEL = models.MODELS["F5TTS_v1_Base"]
PLACES = [file.place for file in MODEL.files]
KEPT = {place: Kept(10, f"{place}-sha", "sha256", "hub") for place in PLACES}
SIZES = {**dict.fromkeys(PLACES, 10), MODEL.config_place: 5}
PROOF = plan.fingerprint("r", MODEL, Journal(files=KEPT), "1")
DONE = Journal(files=KEPT, smoked=PROOF, activated=PROOF)


def done(
    journal: Journal = DONE, runtime: bool = True, current: str = "r", version: str = "1", **sizes: int
) -> set[str]:
    return set(plan.done("r", MODEL, journal, Facts(runtime, {**SIZES, **sizes}, current, version)))


def test_all_done() -> None:
    assert done() == {RUNTIME, WEIGHTS, SMOKE, ACTIVATE}


def test_what_is_not_proven_is_open() -> None:
    assert done(Journal()) == {RUNTIME}
    assert done(runtime=False) == {WEIGHTS}
    assert done(current="another") == {RUNTIME, WEIGHTS, SMOKE}
    assert done(version="2") == {RUNTIME, WEIGHTS}, "an upgraded package speaks once before it is trusted"
    assert done(**{PLACES[0]: 11}) == {RUNTIME}
    assert done(Journal(files=KEPT, smoked=PROOF)) == {RUNTIME, WEIGHTS, SMOKE}


def test_what_is_missing() -> None:
    facts = Facts(True, {PLACES[0]: 10, PLACES[1]: 9}, "r", "1")
    assert plan.missing(MODEL, Journal(files=KEPT), facts) == (*PLACES[1:], MODEL.config_place)
    assert plan.missing(models.MODELS["demo"], Journal(), facts) == ()


@steady
@given(
    st.builds(
        Journal, files=st.dictionaries(st.sampled_from(PLACES), st.sampled_from([*KEPT.values()])),
        smoked=st.sampled_from(["", PROOF]), activated=st.sampled_from(["", PROOF]),
    ),
    st.booleans(), st.dictionaries(st.sampled_from([*PLACES, MODEL.config_place]), st.sampled_from([9, 10])),
    st.sampled_from(["", "r", "q"]),
)  # fmt: skip
def test_no_step_is_done_before_those_it_builds_on(
    journal: Journal, has_runtime: bool, sizes: dict[str, int], current: str
) -> None:
    found = plan.done("r", MODEL, journal, Facts(has_runtime, sizes, current, "1"))
    assert SMOKE not in found or {RUNTIME, WEIGHTS} <= found
    assert ACTIVATE not in found or (SMOKE in found and current == "r")
    assert found <= set(STEPS)


def test_a_runtimes_name_follows_from_what_it_is_made_of() -> None:
    one, two = Wheel("/a/torch.whl", "1"), Wheel("/a/numpy.whl", "2")
    name = plan.runtime_id("cp312", [one, two], "x")
    assert name == plan.runtime_id("cp312", [two, Wheel("/elsewhere.whl", "1")], "x")
    others = [("cp310", [one, two], "x"), ("cp312", [one], "x"), ("cp312", [one, two], "y")]
    assert len({name, *(plan.runtime_id(*other) for other in others)}) == 4


def test_the_fragment_names_every_file_of_the_model() -> None:
    text = models.fragment(MODEL, "/m")
    for place in PLACES:
        assert f"/m/{place}" in text or f"/m/{place.rpartition('/')[0]}\n" in text
    assert "engine" not in models.fragment(models.MODELS["demo"], "/m")
