"""The pages in a real browser: Chromium, headless. Skipped aloud where there is none."""

from __future__ import annotations

import io
import json
import math
import os
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ishowctl import kit, vote
from ishowctl.pages import listening, report
from tests.ctl import browser
from tests.ctl.browser import Browser
from tests.ctl.decisions import decision, hostile, month, taint, votes
from tests.ctl.tuning_daemon import TEXTS, status
from tests.daemon import wait_for

pytestmark = pytest.mark.skipif(
    browser.program() is None and not os.environ.get("CI"), reason="needs a browser: apt install chromium"
)
RATE, SECONDS = 8_000, 30
NOW = "2026-11-30T12:00:00Z"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture
def page(tab: Browser) -> Iterator[Browser]:
    """The tab, which must have nothing to complain about in the end."""
    tab.complaints.clear()
    yield tab
    assert tab.complaints == []


def wav(pitch: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        tone = (round(6000 * math.sin(2 * math.pi * pitch * i / RATE)) for i in range(RATE * SECONDS))
        writer.writeframes(array("h", tone).tobytes())
    return file.getvalue()


@pytest.fixture(scope="module")
def kit_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 and 7 on two texts; 8 is the same as 7."""
    tones = {6: wav(200), 7: wav(300), 8: wav(300)}
    names = {6: "epss-6", 7: "epss-7", 8: "own-8"}
    samples = [
        kit.Sample(text, nfe, names[nfe], SECONDS, 0.2, 0.0, tones[nfe]) for text in ("t1", "t2") for nfe in (6, 7, 8)
    ]
    texts = {"t1": TEXTS[0], "t2": TEXTS[1]}
    path = tmp_path_factory.mktemp("kit") / "index.html"
    wavs = {sample.name: sample.wav for sample in samples}
    path.write_text(listening.page(kit.description(samples, texts, {}, -20.0), wavs), encoding="utf-8")
    return path


def begin(page: Browser, kit_page: Path, **more: Any) -> None:
    page.open(kit_page, **more)
    page.run("document.getElementById('start').click()")
    page.until("player.buffers.length === 2")


def visible(page: Browser) -> str:
    return str(page.run("document.body.innerText"))


def fits(page: Browser) -> bool:
    """No part of the page is cut off or has to be scrolled to sideways."""
    return bool(page.run("document.documentElement.scrollWidth <= window.innerWidth"))


def hear_both(page: Browser, number: int) -> None:
    page.until(f"now === {number} && player.buffers.length === 2 && !player.playing")
    page.press("a")
    page.press("b")


def prefer_7(page: Browser, number: int) -> None:
    """Whatever side it is on, and whatever the other is."""
    hear_both(page, number)
    page.press("1" if page.run("samples[trials[now].sides[0]].nfe >= 7") else "2")


def test_a_switch_is_heard_and_keeps_the_position(page: Browser, kit_page: Path) -> None:
    begin(page, kit_page)
    page.press("a")
    page.until("player.position_s > 0.3")
    before_s = page.run("player.position_s")
    page.press("b")
    page.until("player.gains[0].gain.value < 0.01 && player.gains[1].gain.value > 0.99")
    assert page.run("player.playing") is True
    assert page.run("player.position_s") >= before_s
    page.press(" ")
    held_s = page.run("player.position_s")
    assert (page.run("player.playing"), before_s < held_s < SECONDS) == (False, True)
    page.press("a")
    assert held_s <= page.run("player.position_s") < SECONDS, "it goes on from where it stood"


def test_what_is_heard_is_what_the_side_says(page: Browser, kit_page: Path) -> None:
    """Zero crossings of the decoded buffers tell the pitch, and with it the candidate."""
    begin(page, kit_page)
    for side in (0, 1):
        nfe = page.run(f"samples[trials[now].sides[{side}]].nfe")
        crossings = page.run(
            f"(() => {{ const x = player.buffers[{side}].getChannelData(0); let n = 0;"
            " for (let i = 1; i < x.length; i++) if (x[i - 1] < 0 && x[i] >= 0) n++;"
            f" return n / player.buffers[{side}].duration; }})()"
        )
        assert crossings == pytest.approx(200 if nfe == 6 else 300, abs=2)


def test_nothing_can_be_answered_before_both_were_heard(page: Browser, kit_page: Path) -> None:
    begin(page, kit_page)
    enabled = "[...document.querySelectorAll('.answers button')].filter((button) => !button.disabled).length"
    page.press("a")
    page.press("1")
    assert (page.run(enabled), page.run("now"), page.run("trials[0].answer")) == (0, 0, None)
    page.press("b")
    assert page.run(enabled) == 8
    page.press("1")
    page.until("now === 1")


def test_a_whole_session_by_keyboard(page: Browser, kit_page: Path, tmp_path: Path) -> None:
    page.open(kit_page)
    page.until("document.getElementById('extent').textContent !== ''")
    assert "4 comparisons" in visible(page), "7 and 8 are the same and not compared"
    page.press("Tab")
    page.press("Enter")
    for number in range(4):
        page.until(f"now === {number} && player.buffers.length === 2")
        assert "NFE" not in visible(page), "which is which stays hidden to the end"
        prefer_7(page, number)
    page.until("!document.getElementById('results').hidden")
    assert "4 of 4 comparisons answered." in visible(page)
    score = page.run(
        "[...document.querySelectorAll('#score tr')].map((row) => [...row.cells].map((c) => c.textContent))"
    )
    assert score[-1] == ["NFE 6 (epss-6)", "0", "4", "0", "0", "4"]
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.run("document.getElementById('download').click()")
    saved = tmp_path / "votes.json"
    wait_for(lambda: saved.is_file() and saved.read_text(encoding="utf-8").endswith("}\n"), "the download")
    cast = vote.read(json.loads(saved.read_text(encoding="utf-8")), "votes.json")
    assert sorted((each["kind"], each["nfe"], each["over"], each["text"]) for each in cast) == [
        ("prefer", nfe, 6, text) for nfe in (7, 8) for text in ("t1", "t2")
    ]
    command = page.run("document.getElementById('command').textContent")
    assert command.startswith("ishowctl vote - <<'END'\n")
    assert vote.read(json.loads(command.partition("\n")[2].rpartition("END")[0]), "-") == cast


def test_a_broken_one_may_be_vetoed_at_the_end(page: Browser, kit_page: Path) -> None:
    begin(page, kit_page)
    hear_both(page, 0)
    page.press("x")
    side = page.run("samples[trials[0].sides[0]].nfe === 6 ? 'a' : 'b'")
    page.run(f"document.querySelector('[data-answer=broken-{side}]').click()")
    hear_both(page, 1)
    page.press("0")
    page.until("now === 2")
    page.run("document.getElementById('finish').click()")
    assert "2 of 4 comparisons answered." in visible(page)
    kinds = "JSON.parse(document.getElementById('command').textContent.split('\\n').slice(1, -2).join('')).votes"
    before = page.run(kinds)
    assert [(each["kind"], each["over"], each.get("note")) for each in before] == [("prefer", 6, "NFE 6 was broken")]
    page.run("document.querySelector('#vetoed input').click()")
    added = page.run(kinds)[1:]
    assert [(each["kind"], each["nfe"]) for each in added] == [("veto", 6)]


@pytest.mark.parametrize("dark", [False, True])
def test_the_kit_fits_a_phone(page: Browser, kit_page: Path, dark: bool, tmp_path: Path) -> None:
    begin(page, kit_page, width=360, height=740, phone=True, dark=dark)
    assert fits(page)
    lowest = "Math.max(...[...document.querySelectorAll('#trial button')].map((b) => b.getBoundingClientRect().bottom))"
    assert page.run(f"{lowest} < window.innerHeight"), "every button is in sight"
    page.screenshot(tmp_path / "trial.png")
    page.run("document.getElementById('finish').click()")
    assert fits(page)


@pytest.mark.parametrize(
    "size", [{"width": 360, "height": 740, "phone": True}, {"width": 1000}, {"width": 1000, "dark": True}]
)
@pytest.mark.parametrize("kind", ["whole", "empty", "hostile"])
def test_the_report(page: Browser, tmp_path: Path, kind: str, size: dict[str, Any]) -> None:
    made = {
        "whole": report.page(status(), [decision(31), *month()], votes(), NOW),
        "empty": report.page({}, [], [], NOW),
        "hostile": report.page(taint(status()), [hostile()], taint(votes()), NOW),
    }[kind]
    path = tmp_path / "report.html"
    path.write_text(made, encoding="utf-8")
    page.open(path, **size)
    assert page.run("document.title") == "iShowTTS: speed and sound"
    assert page.run("document.scripts.length + document.images.length") == 0
    assert fits(page)
    styled = page.run("getComputedStyle(document.body).backgroundColor")
    assert styled == ("rgb(20, 23, 26)" if size.get("dark") else "rgb(255, 255, 255)"), "the policy lets our style pass"
    page.screenshot(tmp_path / "report.png")
    if kind == "whole":
        tall = page.run("[...document.querySelectorAll('figure svg')].map((s) => s.getBoundingClientRect().height)")
        assert len(tall) == 3
        assert min(tall) > 100
        assert page.pdf().startswith(b"%PDF")
