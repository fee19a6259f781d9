"""An f5-tts model configuration (YAML) as frozen structures: what is built, and what the checkpoint must fit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ishowtts import places
from ishowtts.engine.base import SetupRequired

# Keys that change training or the attention kernel, never the result.
_IRRELEVANT = {"dropout", "attn_backend", "attn_mask_enabled", "checkpoint_activations"}


@dataclass(frozen=True)
class DiTConfig:
    """Arguments of f5-tts's DiT (f5_tts/model/backbones/dit.py), with its defaults."""

    dim: int
    depth: int = 8
    heads: int = 8
    dim_head: int = 64
    ff_mult: int = 4
    mel_dim: int = 100
    text_num_embeds: int = 256
    text_dim: int | None = None
    text_mask_padding: bool = True
    text_embedding_average_upsampling: bool = False
    qk_norm: str | None = None
    conv_layers: int = 0
    pe_attn_head: int | None = None
    long_skip_connection: bool = False

    @property
    def text_width(self) -> int:
        return self.mel_dim if self.text_dim is None else self.text_dim


@dataclass(frozen=True)
class MelConfig:
    target_sample_rate: int = 24000
    n_mel_channels: int = 100
    hop_length: int = 256
    win_length: int = 1024
    n_fft: int = 1024


@dataclass(frozen=True)
class ModelConfig:
    name: str
    dit: DiTConfig
    mel: MelConfig


def read(file: Path, vocab_size: int) -> ModelConfig:
    """Raises SetupRequired naming the file and the key for anything this engine cannot build."""
    model = read_yaml(file).get("model")
    if not isinstance(model, dict) or not isinstance(model.get("arch"), dict):
        raise SetupRequired(f"{file} is no f5-tts model configuration: it has no model.arch.")
    if model.get("backbone") != "DiT":
        raise SetupRequired(f"{file}: model.backbone is {model.get('backbone')!r}; only DiT models can be served.")
    mel = model.get("mel_spec") or {}
    if not isinstance(mel, dict):
        raise SetupRequired(f"{file}: model.mel_spec must be a mapping.")
    mel = dict(mel)
    if mel.pop("mel_spec_type", "vocos") != "vocos":
        raise SetupRequired(f"{file}: model.mel_spec.mel_spec_type must be vocos; BigVGAN models cannot be served.")
    arch = {key: value for key, value in model["arch"].items() if key not in _IRRELEVANT}
    mel_config = _fill(MelConfig, mel, f"{file}: model.mel_spec")
    arch |= {"mel_dim": mel_config.n_mel_channels, "text_num_embeds": vocab_size}
    dit = _fill(DiTConfig, arch, f"{file}: model.arch")
    if (dit.pe_attn_head or 0) > dit.heads:
        raise SetupRequired(f"{file}: model.arch.pe_attn_head is {dit.pe_attn_head}, but there are {dit.heads} heads.")
    if mel_config.win_length > mel_config.n_fft:
        raise SetupRequired(f"{file}: model.mel_spec.win_length must not exceed n_fft.")
    if dit.qk_norm not in (None, "rms_norm"):
        raise SetupRequired(f"{file}: model.arch.qk_norm is {dit.qk_norm!r}; null and rms_norm are known.")
    return ModelConfig(str(model.get("name") or file.stem), dit, mel_config)


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML mapping; raises SetupRequired naming the file."""
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupRequired(f"{file} cannot be read: {error.strerror}.", places.mend_by_setup()) from None
    except (yaml.YAMLError, ValueError) as error:
        raise SetupRequired(f"{file} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(tree, dict):
        raise SetupRequired(f"{file} is not a YAML mapping.")
    return tree


def _fill(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    unknown = set(values) - {field.name for field in fields(kind)}
    if unknown:
        raise SetupRequired(f"{where}.{sorted(map(str, unknown))[0]} is not known to this engine.")
    try:
        made = msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise SetupRequired(f"{where}: {str(error).replace(' - at `$', ' at `')}.") from None
    for name, value in values.items():
        if type(value) in (int, float) and value < (0 if name == "conv_layers" else 1):
            raise SetupRequired(f"{where}.{name} is {value}, which is too small.")
    return made
