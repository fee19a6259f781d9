"""nvpmodel's files: the uncapped mode is found by what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.device import nvpmodel
from tests.boards.profiles import ALL
from tests.boards.tree import conf_text
from tests.steady import steady


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("pmode:0000 fmode:fanNull", 0),
        ("pmode:0012 fmode:quiet", 12),
        ("pmode:0003", 3),
        ("pmode:3", None),
        ("pmode:-001", None),
        ("pmode:0003x", None),
        (" fmode:quiet", None),
        ("", None),
    ],
)
def test_status(text: str, id: int | None) -> None:
    assert nvpmodel.parse_status(text) == id


@pytest.mark.parametrize(
    ("name", "id", "mode"),
    [
        ("agx-orin", 0, "MAXN"),
        ("agx-orin-jp7", 4, "MAXN_SUPER"),
        ("orin-nx-super", 0, "MAXN_SUPER"),
        ("orin-nano-super", 2, "MAXN_SUPER"),
        ("orin-nano-old", 0, "15W"),
        ("thor", 0, "MAXN"),
    ],
)
def test_the_uncapped_mode(name: str, id: int, mode: str) -> None:
    found = nvpmodel.best(nvpmodel.parse_conf(conf_text(ALL[name])), ALL[name].table_hz[-1])
    assert found is not None
    assert (found.id, found.name, found.gpu_uncapped) == (id, mode, True)


def test_a_ceiling_at_the_hardwares_maximum_is_none() -> None:
    """As Xavier's MAXN is written."""
    modes = nvpmodel.parse_conf("< POWER_MODEL ID=0 NAME=MAXN >\nGPU MAX_FREQ 1377000000\n")
    assert [mode.uncapped(1_377_000_000) for mode in modes] == [True]
    assert [mode.uncapped(1_400_000_000) for mode in modes] == [False]
    assert [mode.uncapped(None) for mode in modes] == [False]


def test_one_capped_part_caps_the_gpu() -> None:
    modes = nvpmodel.parse_conf("< POWER_MODEL ID=0 NAME=A >\nGPU_GPC MAX_FREQ -1\nGPU_NVD MAX_FREQ 1000\n")
    assert modes[0].uncapped(2000) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "< POWER_MODEL ID=0 NAME=MAXN >",
        "< POWER_MODEL ID=0 NAME=MAXN >\nCPU MAX_FREQ -1",
        "< POWER_MODEL ID=0 NAME=MAXN >\nGPU MAX_FREQ",
        "< POWER_MODEL ID=0 NAME=MAXN >\nGPU MAX_FREQ minus one",
        "< POWER_MODEL ID=0 NAME=MAXN >\n< PM_CONFIG DEFAULT=0 >\nGPU MAX_FREQ -1",
        "< POWER_MODEL ID=zero NAME=MAXN >\nGPU MAX_FREQ -1",
        "< POWER_MODEL ID=0 NAME=A >\nGPU MAX_FREQ -1\n< POWER_MODEL ID=0 NAME=B >\nGPU MAX_FREQ 5",
        "# < POWER_MODEL ID=0 NAME=MAXN >\nGPU MAX_FREQ -1",
    ],
)
def test_no_uncapped_mode_is_made_up(text: str) -> None:
    assert nvpmodel.best(nvpmodel.parse_conf(text), 10**9) is None


def test_comments_and_spaces() -> None:
    text = "  <POWER_MODEL ID=2   NAME=MAXN_SUPER>  # the one\n\tGPU   MAX_FREQ   -1 # none\n"
    assert nvpmodel.find(nvpmodel.parse_conf(text), 2, None) == nvpmodel.PowerMode(2, "MAXN_SUPER", True)


@steady
@given(
    st.lists(st.sampled_from(["< POWER_MODEL ID=1 NAME=A >", "<", ">", "GPU MAX_FREQ -1", "GPU", "\0", "# x", "< A >"]))
)
def test_any_text_is_read(lines: list[str]) -> None:
    nvpmodel.best(nvpmodel.parse_conf("\n".join(lines)), None)
