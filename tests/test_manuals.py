"""Man pages and completions: made from the parsers and the configuration, so every option and key is in them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ishowctl.__main__ import build_parser
from ishowtts.__main__ import _parser
from ishowtts.config import Config

ROOT = Path(__file__).parent.parent
PAGES = ["man1/ishowctl.1", "man5/ishowtts.yaml.5", "man8/ishowttsd.8"]
CLIENT = build_parser()


def make(folder: Path) -> Path:
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([sys.executable, ROOT / "packaging/manuals", folder], env=env, check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("manuals"))


def page(made: Path, name: str) -> str:
    return (made / "man" / name).read_text(encoding="utf-8").replace("\\-", "-")


def commands() -> dict[str, argparse.ArgumentParser]:
    found = next(action for action in CLIENT._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def complete(script: str, shell: str, *args: str) -> list[str]:
    run = subprocess.run([shell, "-c", script, shell, *args], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.split()


def test_the_date_alone_decides_what_is_made(made: Path, tmp_path: Path) -> None:
    again = make(tmp_path / "again")
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert len(files) == 9
    for file in files:
        assert (made / file).read_bytes() == (again / file).read_bytes(), file


def test_every_command_and_option_has_its_place(made: Path) -> None:
    text = page(made, "man1/ishowctl.1")
    for name, parser in commands().items():
        body = text.split(f'\n.SS "{name}', 1)[1].split("\n.S", 1)[0]
        for option in [option for action in parser._actions for option in action.option_strings]:
            if option not in ("-h", "--help", "--endpoint"):
                assert f"\\fB{option}\\fR" in body, (name, option)
    assert "\\fB--endpoint\\fR" in text.split(".SH COMMANDS")[0]


def test_every_option_of_the_daemon(made: Path) -> None:
    for option in [option for action in _parser()._actions for option in action.option_strings]:
        assert f"\\fB{option}\\fR" in page(made, "man8/ishowttsd.8")


def test_every_option_has_its_help() -> None:
    for parser in [CLIENT, _parser(), *commands().values()]:
        options = [action for action in parser._actions if action.option_strings]
        assert not [action.dest for action in options if not action.help], parser


def test_every_key_with_its_default(made: Path) -> None:
    text = page(made, "man5/ishowtts.yaml.5").replace("\\(ti", "~")
    for section, keys in msgspec.to_builtins(Config()).items():
        assert f'.SS "{section}"' in text
        for key, value in keys.items():
            shown = value if isinstance(value, str) and value else json.dumps(value)
            default = "" if isinstance(value, dict) else f" = \\fI{shown}\\fR"
            assert f"\\fB{section}.{key}\\fR{default}\n" in text


@pytest.mark.parametrize("name", PAGES)
def test_man_shows_it(made: Path, name: str) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed here")
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    command = ["man", "--warnings", "-l", str(made / "man" / name)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert "SEE ALSO" in run.stdout


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_finds_nothing_wrong(made: Path, name: str) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed here")
    run = subprocess.run(["mandoc", "-Tlint", made / "man" / name], capture_output=True, text=True, timeout=60)
    assert run.stdout == ""


BASH = """
source "$1"; shift
words=("$@"); COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#words[@]} - 1)); COMP_LINE="${words[*]}"
COMP_POINT=${#COMP_LINE}
spec=$(complete -p "$1"); function=${spec##*-F }; function=${function%% *}
"$function" "$1" "${words[-1]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ishowctl", "rel"], {"reload"}),
        (["ishowctl", "reload", "--wa"], {"--wait"}),
        (["ishowctl", "say", "--vo"], {"--voice"}),
        (["ishowttsd", "--chec"], {"--check-config"}),
        (["ishowttsd", "--engine", "na"], {"native"}),
    ],
)
def test_bash_completes(made: Path, words: list[str], expected: set[str]) -> None:
    script = made / f"bash-completion/completions/{words[0]}"
    assert set(complete(BASH, "bash", str(script), *words)) == expected


def test_bash_knows_every_command(made: Path) -> None:
    script = made / "bash-completion/completions/ishowctl"
    assert set(commands()) <= set(complete(BASH, "bash", str(script), "ishowctl", ""))


def test_fish_completes(made: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed here")
    script = made / "fish/vendor_completions.d/ishowctl.fish"
    assert "reload" in complete(f"source {script}; complete -C 'ishowctl rel'", "fish")
    assert "--wait" in complete(f"source {script}; complete -C 'ishowctl reload --wa'", "fish")


@pytest.mark.parametrize("name", ["ishowctl", "ishowttsd"])
def test_zsh_reads_it(made: Path, name: str) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed here")
    script = made / f"zsh/vendor-completions/_{name}"
    assert script.read_text(encoding="utf-8").startswith(f"#compdef {name}\n")
    # As compinit would: the function is defined, and its completion registered.
    load = f"fpath=({script.parent} $fpath); autoload -U compinit; compinit -u -D; print $_comps[{name}]"
    assert complete(load, "zsh") == [f"_{name}"]
    assert complete(f"zsh -n {script}", "zsh") == []
