"""ishowtts.yaml into frozen, typed structures. Strict: a wrong key, type or range stops the start with one line.

config/ishowtts.yaml shows every key with its default; a test holds the two together. Where the package is installed,
its defaults and what `ishowctl setup` chose lie below people's files.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct, field

from ishowtts import places
from ishowtts.tuner.policy import Policy

Positive = Annotated[float, Meta(gt=0)]


class ConfigError(Exception):
    """One line: the file, the path of the key, what is wrong, what was perhaps meant."""


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Server(_Section, frozen=True, kw_only=True):
    runtime_dir: str = "/run/ishowtts"
    user_group: str = ""
    admin_group: str = ""
    drain_s: Annotated[float, Meta(ge=0, le=600)] = 20.0


class Engine(_Section, frozen=True, kw_only=True):
    kind: Literal["native", "reference", "fake"] = "native"
    python: str = ""
    model_config: str = "f5_tts:configs/F5TTS_v1_Base.yaml"
    checkpoint: str = "/var/lib/ishowtts/models/F5TTS_v1_Base/model_1250000.safetensors"
    vocab: str = "f5_tts:infer/examples/vocab.txt"
    vocoder: str = "/var/lib/ishowtts/models/vocos-mel-24khz"
    device: Annotated[str, Meta(pattern=r"\A(auto|cpu|cuda(:[0-9]+)?)\Z")] = "auto"
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    threads: Annotated[int, Meta(ge=0, le=256)] = 0
    capture_s: Annotated[float, Meta(ge=0, le=60)] = 12.0
    start_s: Positive = 300.0
    hang_s: Positive = 60.0
    fake_rtf: Annotated[float, Meta(ge=0, le=100)] = 0.02


class Synthesis(_Section, frozen=True, kw_only=True):
    nfe: Annotated[int, Meta(ge=1, le=128)] = 7
    cfg: Annotated[float, Meta(ge=0, le=10)] = 2.0


class Clip(_Section, frozen=True, kw_only=True):
    audio: str
    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class Voices(_Section, frozen=True, kw_only=True):
    folder: str = "/var/lib/ishowtts/voices"
    default: str = "english"
    clips: dict[str, Clip] = field(
        default_factory=lambda: {
            "english": Clip(
                audio="f5_tts:infer/examples/basic/basic_ref_en.wav",
                text="Some call me nature, others call me mother nature.",
            )
        }
    )


class Limits(_Section, frozen=True, kw_only=True):
    queue: Annotated[int, Meta(ge=1, le=10_000)] = 64
    per_user: Annotated[int, Meta(ge=1, le=10_000)] = 16
    queued_chars: Annotated[int, Meta(ge=1000, le=10_000_000)] = 100_000


class Board(_Section, frozen=True, kw_only=True):
    expected_gpu_mhz: Annotated[float, Meta(ge=1, le=10_000)] | None = None
    accept_unknown: bool = False
    poll_s: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    jtop: bool = True
    jtop_python: str = ""


class Tuner(Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    history: str = "/var/lib/ishowtts/history/history.db"


class Log(_Section, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(_Section, frozen=True, kw_only=True):
    server: Server = field(default_factory=Server)
    engine: Engine = field(default_factory=Engine)
    synthesis: Synthesis = field(default_factory=Synthesis)
    voices: Voices = field(default_factory=Voices)
    limits: Limits = field(default_factory=Limits)
    board: Board = field(default_factory=Board)
    tuner: Tuner = field(default_factory=Tuner)
    log: Log = field(default_factory=Log)


def load(path: Path, fragment: Path | None = None) -> Config:
    """The files that belong to ``path`` (see `layers`), one over the other; raise ConfigError."""
    merged: dict[str, Any] = {}
    config = Config()
    for file in layers(path, fragment):
        merged = _merge(merged, _read(file))
        config = parse(merged, file)  # after each, so that the message names the file that broke it
    return config


def layers(path: Path, fragment: Path | None = None) -> list[Path]:
    """The files that make up the configuration, the lowest first.

    The package's defaults, what setup chose (``fragment``: what it is about to choose), ``path``, and ``conf.d/*.yaml``
    beside it in the order of their names. Only ``path`` must be there, and not even that where it is the default one.
    """
    package = places.here()
    below = [package.defaults, fragment or package.fragment] if package else []
    main = [path] if path != places.main_config() or _is_there(path) else []
    return [*filter(_is_there, below), *main, *sorted((path.parent / "conf.d").glob("*.yaml"))]


def _is_there(file: Path) -> bool:
    """True also where it cannot be looked at: reading it will say why, and no layer is left out in silence."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def parse(tree: Any, file: Path) -> Config:
    try:
        return msgspec.convert(tree, Config, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {_explain(_name_clip(str(error), tree))}") from None


def _name_clip(error: str, tree: Any) -> str:
    """msgspec says `clips[...]`: put the name of the clip that it cannot read."""
    if "clips[...]" not in error:
        return error
    for name, clip in tree["voices"]["clips"].items():
        if not _is_clip(clip):
            return error.replace("clips[...]", f"clips.{name}")
    return error


def _is_clip(tree: Any) -> bool:
    try:
        msgspec.convert(tree, Clip, strict=True)
    except msgspec.ValidationError:
        return False
    return True


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses a key that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.append(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{file}: {where}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{file}: must be a mapping of sections such as `engine:`, not a {type(tree).__name__}")
    return tree


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _explain(error: str) -> str:
    """msgspec's message as `engine.nfe: reason`, with the nearest valid key for an unknown one."""
    text, _, path = error.partition(" - at `")
    path = path.strip("`").removeprefix("$").strip(".")
    unknown = re.match(r"Object contains unknown field `(.*)`", text, re.DOTALL)
    if unknown is None:
        text = text[0].lower() + text[1:]
        return f"{path or 'the file'}: {text}"
    key = unknown[1]
    near = difflib.get_close_matches(key, _keys_at(path), n=1, cutoff=0.0)
    key = key.encode("unicode_escape").decode()
    return f"{f'{path}.{key}'.strip('.')}: unknown key; did you mean `{f'{path}.{near[0]}'.strip('.')}`?"


def _keys_at(path: str) -> list[str]:
    """The keys that are allowed at ``path``."""
    if not path:
        return [str(name) for name in Config.__struct_fields__]
    section = path.split(".")[0]
    kind = Clip if path.startswith("voices.clips") else type(getattr(Config(), section))
    return [str(name) for name in kind.__struct_fields__]
