"""Checkpoint files into modules: what f5-tts and vocos write, and what their users pass around.

Where something is missing or does not fit, SetupRequired names the file, the key and the shapes.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ishowtts import ipc, places
from ishowtts.engine.base import SetupRequired

Module = TypeVar("Module", bound=nn.Module)
State = dict[str, Tensor]

# What training wraps around the names: EMA (ema_pytorch), DistributedDataParallel, torch.compile.
_PREFIXES = ("ema_model.", "module.", "_orig_mod.")
_WRAPPERS = ("ema_model_state_dict", "model_state_dict", "state_dict")
_BLOCKS, _BLOCK_BYTES = 64, 1 << 16
VOCOS_FILES = ("model.safetensors", "pytorch_model.bin")


def load_dit(module: Module, file: Path) -> Module:
    """Fill ``module`` (made on the meta device) from an f5-tts checkpoint, EMA weights if it has them."""
    state = {
        key.removeprefix("transformer."): value
        for key, value in _read(file).items()
        if key.startswith("transformer.") and key != "transformer.rotary_embed.inv_freq"
    }
    if not state:
        raise SetupRequired(f"{file} holds no F5-TTS model: no key starts with transformer.")
    return fill(module, state, file, "transformer.", "does the model configuration belong to this checkpoint?")


def load_vocos(module: Module, folder: Path) -> Module:
    """Fill ``module`` from a Vocos folder: model.safetensors or pytorch_model.bin."""
    file = next((folder / name for name in VOCOS_FILES if (folder / name).exists()), folder / VOCOS_FILES[-1])
    unused = ("feature_extractor.", "head.istft.")  # made from the configuration, not from weights
    state = {key: value for key, value in _read(file).items() if not key.startswith(unused)}
    return fill(module, state, file, "", "does config.yaml belong to these weights?")


def fingerprint(configure: ipc.Configure, dtype: str) -> str:
    """Of everything that shapes how the model sounds. Of a large file 64 blocks are read: all would take seconds."""
    digest = hashlib.sha256(dtype.encode())
    folder = Path(configure.vocoder)
    vocoder = [folder / name for name in ("config.yaml", *VOCOS_FILES)]
    for file in (*map(Path, (configure.checkpoint, configure.model_config, configure.vocab)), *vocoder):
        with suppress(OSError), file.open("rb") as stream:  # one that is missing is reported by whoever needs it
            size = file.stat().st_size
            digest.update(size.to_bytes(8, "big"))
            for block in range(_BLOCKS):
                stream.seek(max(size - _BLOCK_BYTES, 0) * block // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK_BYTES))
    return digest.hexdigest()[:16]


def _read(file: Path) -> State:
    """The tensors of ``file`` under their bare names. `.pt` is read with weights_only: no code in it is run."""
    try:
        if file.suffix == ".safetensors":
            state: object = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        mend = places.mend_by_setup(
            "Put it there or change the engine section of the configuration, then `ishowctl restart-engine`."
        )
        raise SetupRequired(f"{file} is not there.", mend) from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise SetupRequired(f"{file} cannot be read: {_first_line(error)}.") from None
    except Exception as error:  # noqa: BLE001 (pickle.UnpicklingError and whatever else a foreign file provokes)
        raise SetupRequired(f"{file} is no checkpoint that can be read safely: {_first_line(error)}.") from None
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
            break
    if not isinstance(state, dict):
        raise SetupRequired(f"{file} is no checkpoint: it holds a {type(state).__name__}.")
    return {_bare(str(key)): value for key, value in state.items() if isinstance(value, Tensor)}


def _bare(key: str) -> str:
    while key.startswith(_PREFIXES):
        key = key.split(".", 1)[1]
    return key


def fill(module: Module, state: State, file: Path, prefix: str, hint: str) -> Module:
    """Put ``state`` into ``module``; ``file``, ``prefix`` and ``hint`` are for the sentence when it does not fit."""
    wanted = module.state_dict()
    for key, place in wanted.items():
        if key not in state:
            raise SetupRequired(f"{file} lacks {prefix}{key} of shape {_shape(place)}: {hint}")
        if not state[key].is_floating_point():
            raise SetupRequired(f"{file}: {prefix}{key} holds {state[key].dtype}, no floating-point weights.")
        if state[key].shape != place.shape:
            found = _shape(state[key])
            raise SetupRequired(f"{file}: {prefix}{key} has shape {found} where {_shape(place)} is needed: {hint}")
    extra = sorted(set(state) - set(wanted))
    if extra:
        shape = _shape(state[extra[0]])
        raise SetupRequired(f"{file} has {prefix}{extra[0]} of shape {shape}, which the model has no place for: {hint}")
    module.load_state_dict({key: state[key] for key in wanted}, assign=True)
    return module


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
