"""A configuration is right, or one line says what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts import config
from ishowtts.config import Config, ConfigError
from tests.steady import steady


def write(folder: Path, text: str | bytes, name: str = "ishowtts.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def wrong(folder: Path, text: str | bytes) -> str:
    """The message, without the name of the file, which must stand first; one line."""
    file = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n", "null\n"])
def test_an_empty_file_is_all_defaults(tmp_path: Path, text: str) -> None:
    assert config.load(write(tmp_path, text)) == Config()


def test_values_are_read(tmp_path: Path) -> None:
    text = "engine: {kind: fake, hang_s: 5}\nvoices:\n  default: anna\n  clips: {anna: {audio: a.wav, text: 你好}}\n"
    loaded = config.load(write(tmp_path, text))
    assert (loaded.engine.kind, loaded.engine.hang_s) == ("fake", 5.0)
    assert loaded.voices.clips == {"anna": config.Clip(audio="a.wav", text="你好")}
    assert loaded.synthesis == config.Synthesis()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("synthesis: {nfee: 7}", "synthesis.nfee: unknown key; did you mean `synthesis.nfe`?"),
        ("limits: {queu: 7}", "limits.queu: unknown key; did you mean `limits.queue`?"),
        ("engin: {}", "engin: unknown key; did you mean `engine`?"),
        ("log: {Level: info}", "log.Level: unknown key; did you mean `log.level`?"),
        ("server: {drain: 3}", "server.drain: unknown key; did you mean `server.drain_s`?"),
        ("voices: {clip: {}}", "voices.clip: unknown key; did you mean `voices.clips`?"),
        ("synthesis: {nfe: 0}", "synthesis.nfe: expected `int` >= 1"),
        ("synthesis: {nfe: 129}", "synthesis.nfe: expected `int` <= 128"),
        ("synthesis: {nfe: '7'}", "synthesis.nfe: expected `int`, got `str`"),
        ("synthesis: {nfe: 7.0}", "synthesis.nfe: expected `int`, got `float`"),
        ("synthesis: {nfe: true}", "synthesis.nfe: expected `int`, got `bool`"),
        ("synthesis: {cfg: .nan}", "synthesis.cfg: expected `float` >= 0.0"),
        ("engine: {hang_s: 0}", "engine.hang_s: expected `float` > 0.0"),
        ("board: {expected_gpu_mhz: fast}", "board.expected_gpu_mhz: expected `float | null`, got `str`"),
        ("board: {expected_gpu_mhz: 0}", "board.expected_gpu_mhz: expected `float` >= 1.0"),
        ("board: {expected_mhz: 1300.5}", "board.expected_mhz: unknown key; did you mean `board.expected_gpu_mhz`?"),
        ("board: {accept_unknown: 1}", "board.accept_unknown: expected `bool`, got `int`"),
        ("board: {poll_s: 0.5}", "board.poll_s: expected `float` >= 1.0"),
        ("engine: {kind: magic}", "engine.kind: invalid enum value 'magic'"),
        ("engine: 5", "engine: expected `object`, got `int`"),
        ("engine:", "engine: expected `object`, got `null`"),
        ("[engine]", "must be a mapping of sections such as `engine:`, not a list"),
        ("engine", "must be a mapping of sections such as `engine:`, not a str"),
        ("log: {level: info}\nengine: [", "line 2: expected the node content, but found '<stream end>'"),
        ("log:\n\tlevel: info", "line 2: found character '\\t' that cannot start any token"),
        ("log: {level: info}\n--- \nlog: {}", "line 2: but found another document"),
        (b"log: {level: \xff}", "is not UTF-8 text"),
    ],
)
def test_one_line_says_what_is_wrong(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert wrong(tmp_path, text) == message


@pytest.mark.parametrize("device", ["gpu", "'cuda:'", "cuda:x", '"cpu\\n"', "''"])
def test_devices(tmp_path: Path, device: str) -> None:
    assert wrong(tmp_path, f"engine: {{device: {device}}}").startswith("engine.device: ")


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.getcwd []", "a: !!python/name:os.system"])
def test_no_python_objects(tmp_path: Path, text: str) -> None:
    assert "could not determine a constructor" in wrong(tmp_path, text)


@pytest.mark.parametrize("text", ["log: {}\nlog: {}", "voices: {clips: {a: {audio: x, text: y, text: z}}}"])
def test_a_key_that_stands_twice(tmp_path: Path, text: str) -> None:
    assert "stands twice" in wrong(tmp_path, text)


def test_the_line_of_a_key_that_stands_twice(tmp_path: Path) -> None:
    assert wrong(tmp_path, "server:\n  drain_s: 1\n  runtime_dir: /x\n  drain_s: 2\n").startswith("line 4: ")


@pytest.mark.parametrize("text", ["a: 2001-13-45", "a: 0x_", "a: !!int x", "[" * 5000])
def test_scalars_that_pyyaml_cannot_make(tmp_path: Path, text: str) -> None:
    assert wrong(tmp_path, text)


def test_a_key_with_a_line_break_is_still_one_line(tmp_path: Path) -> None:
    assert wrong(tmp_path, '"a\\nb": 1')


def test_a_wrong_clip_is_named(tmp_path: Path) -> None:
    text = "voices: {clips: {anna: {audio: a, text: b}, bert: {audio: a, txt: b}}}"
    assert wrong(tmp_path, text).startswith("voices.clips.bert.txt: unknown key")


def test_an_unknown_key_of_a_clip(tmp_path: Path) -> None:
    message = wrong(tmp_path, "voices: {clips: {anna: {audio: a, text: b, txt: c}}}")
    assert "txt: unknown key; did you mean" in message
    assert message.endswith(".text`?")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ishowtts\.yaml: cannot be read: No such file or directory"):
        config.load(tmp_path / "ishowtts.yaml")
    write(tmp_path, "")
    (tmp_path / "conf.d" / "a.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"conf\.d/a\.yaml: cannot be read: Is a directory"):
        config.load(tmp_path / "ishowtts.yaml")


def test_conf_d_goes_over_the_file_in_the_order_of_names(tmp_path: Path) -> None:
    main = write(tmp_path, "synthesis: {nfe: 5, cfg: 1.5}\nlog: {level: debug}")
    write(tmp_path, "synthesis: {nfe: 7}", "conf.d/20-b.yaml")
    write(tmp_path, "synthesis: {nfe: 6}\nlimits: {queue: 3}", "conf.d/10-a.yaml")
    write(tmp_path, "nonsense", "conf.d/30.yaml.bak")
    loaded = config.load(main)
    assert loaded.synthesis == config.Synthesis(nfe=7, cfg=1.5)
    assert (loaded.limits.queue, loaded.log.level) == (3, "debug")


def test_conf_d_adds_clips_and_replaces_values(tmp_path: Path) -> None:
    main = write(tmp_path, "voices: {clips: {anna: {audio: a.wav, text: a}}}")
    write(tmp_path, "voices: {clips: {bert: {audio: b.wav, text: b}}}", "conf.d/x.yaml")
    assert sorted(config.load(main).voices.clips) == ["anna", "bert"]


@pytest.mark.parametrize("text", ["synthesis: {nfe: 0}", "log: [", "x", "engin: {}", b"\xff"])
def test_an_error_names_the_file_it_is_in(tmp_path: Path, text: str | bytes) -> None:
    main = write(tmp_path, "synthesis: {nfe: 5}")
    write(tmp_path, "", "conf.d/10.yaml")
    bad = write(tmp_path, text, "conf.d/20.yaml")
    with pytest.raises(ConfigError) as caught:
        config.load(main)
    assert str(caught.value).startswith(f"{bad}: ")


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abnfe.[]`$ ", max_size=6), inner, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from(["server", "engine", "synthesis", "voices", "limits", "board", "log", "x"])


@steady
@given(st.dictionaries(sections, trees, max_size=3))
def test_any_tree_is_a_config_or_one_line(tree: dict[str, object]) -> None:
    try:
        config.parse(tree, Path("f"))
    except ConfigError as error:
        assert str(error).startswith("f: ")
        assert len(str(error).splitlines()) == 1
