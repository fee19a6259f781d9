"""`ishowctl status --metrics` is Prometheus text, as a strict reader of the exposition format 0.0.4 sees it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowctl import metrics
from tests.daemon import Daemon
from tests.steady import steady

Families = dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]]

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([^ ]+)")
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
UNITS = ("_seconds", "_hertz", "_celsius", "_watts", "_total", "_info")


def parse(text: str) -> Families:
    """{family: (type, {labels: value})}; AssertionError for anything the format does not allow."""
    assert text == "" or text.endswith("\n")
    families: Families = {}
    lines = text.split("\n")[:-1]
    while lines:
        head = re.fullmatch(rf"# HELP ({NAME}) (.+)", lines.pop(0))
        assert head, "each family begins with its HELP"
        name = head[1]
        kind = re.fullmatch(rf"# TYPE {name} (counter|gauge)", lines.pop(0))
        assert kind, "then its TYPE"
        assert name not in families, "a family stands once"
        assert (kind[1] == "counter") == name.endswith("_total")
        samples: dict[tuple[tuple[str, str], ...], float] = {}
        while lines and not lines[0].startswith("#"):
            sample = SAMPLE.fullmatch(lines.pop(0))
            assert sample
            assert sample[1] == name
            pairs = re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', sample[2] or "")
            labels = tuple((key, re.sub(r"\\.", lambda m: UNESCAPED[m[0]], value)) for key, value in pairs)
            assert labels not in samples, "a sample stands once"
            samples[labels] = float(sample[3])
        assert samples, "a family without samples is left out"
        families[name] = (kind[1], samples)
    return families


def test_the_reader_is_strict() -> None:
    good = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c\\"d"} 1\n'
    assert parse(good) == {"a_total": ("counter", {(("b", 'c"d'),): 1.0})}
    for wrong in (
        good[:-1], good.replace("counter", "gauge"), good.replace("# HELP a_total x\n", ""), good + good,
        good.replace("} 1", "} 1 2 3"), good.replace("} 1", "} one"), good.replace('\\"', '"'), good + "\n",
    ):  # fmt: skip
        with pytest.raises((AssertionError, ValueError, IndexError)):
            parse(wrong)


def value(families: Families, name: str, **labels: str) -> float:
    return families[name][1][tuple(labels.items())]


STATUS: dict[str, Any] = {
    "state": "ready",
    "uptime_s": 12.5,
    "versions": {"daemon": "0.1.0"},
    "queue": {"waiting": 3, "speaking": True},
    "rtf": {"median": 0.19, "last": None},
    "front_lag_ms": 2.5,
    "requests": {"done": 7},
    "board": {
        "verdict": "rejected",
        "usable": False,
        "gpu": {"cur_hz": 816_000_000, "max_hz": None},
        "temps": [{"name": 'odd "zone"\\\n', "temp_c": 99.5}, {"name": "gpu-thermal", "temp_c": 45.0}],
        "rails": [{"name": "VDD_GPU_SOC", "power_mw": 5700}],
        "over_current": [{"name": "oc3", "count": 17}, {"name": "oc1", "count": None}],
    },
}


def test_figures() -> None:
    families = parse(metrics.prometheus(STATUS))
    assert value(families, "ishowtts_uptime_seconds") == 12.5
    assert value(families, "ishowtts_engine_speaking") == 1
    assert value(families, "ishowtts_requests_done_total") == 7
    assert value(families, "ishowtts_front_lag_seconds") == 0.0025
    assert value(families, "ishowtts_build_info", version="0.1.0") == 1
    assert value(families, "ishowtts_state", state="ready") == 1
    assert value(families, "ishowtts_state", state="degraded") == 0
    assert value(families, "ishowtts_board_verdict", verdict="rejected") == 1
    assert value(families, "ishowtts_board_verdict", verdict="trusted") == 0
    assert value(families, "ishowtts_board_usable") == 0
    assert value(families, "ishowtts_board_gpu_hertz") == 816_000_000
    assert value(families, "ishowtts_board_temperature_celsius", zone='odd "zone"\\\n') == 99.5
    assert value(families, "ishowtts_board_power_watts", rail="VDD_GPU_SOC") == 5.7
    assert families["ishowtts_board_over_current_total"][1] == {(("kind", "oc3"),): 17}


def test_what_is_not_known_is_left_out() -> None:
    families = parse(metrics.prometheus(STATUS))
    assert "ishowtts_rtf_last" not in families
    assert "ishowtts_board_gpu_max_hertz" not in families
    assert "ishowtts_board_verdict" not in parse(metrics.prometheus({"state": "ready"}))


def test_a_real_daemon(daemon: Daemon) -> None:
    daemon.ctl("say", "Hello.")
    run = daemon.ctl("status", "--metrics")
    families = parse(run.stdout)
    assert (run.returncode, run.stderr) == (0, "")
    assert value(families, "ishowtts_requests_done_total") == 1
    assert value(families, "ishowtts_rtf_last") > 0
    assert sum(families["ishowtts_board_verdict"][1].values()) == 1
    assert all(name.startswith("ishowtts_") for name in families)


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "temp_c", "cur_hz", "gpu"]), inner)
    ),
    max_leaves=6,
)
keys = st.sampled_from(["state", "board", "rtf", "queue", "versions", "uptime_s"])


@steady
@given(st.dictionaries(keys, trees | st.fixed_dictionaries({"temps": trees, "rails": trees, "gpu": trees})))
def test_any_status_of_any_daemon_gives_good_text(status: dict[str, Any]) -> None:
    parse(metrics.prometheus(status))


def test_two_zones_of_one_name() -> None:
    temps = [{"name": "x", "temp_c": 1.0}, {"name": "x", "temp_c": 2.0}]
    families = parse(metrics.prometheus({"board": {"temps": temps}}))
    assert value(families, "ishowtts_board_temperature_celsius", zone="x") == 1.0
