"""Random weights in upstream's file layout: both engines load the same files through their own real loaders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ishowtts import ipc
from ishowtts.bench.models import ModelSize
from ishowtts.bench.workload import HOP, VOICE, Reference

SEED = 1


def write(folder: Path, size: ModelSize) -> None:
    """model.safetensors, model.yaml, vocab.txt and vocos/ in ``folder``: 0.7 GB for F5TTS_v1_Base."""
    from ishowtts.engine import untrained
    from ishowtts.engine.vocos import VocosConfig

    # The vocabulary is filled up to its size: a token that no text uses costs what a used one does.
    missing = max(size.dit.text_num_embeds - len(untrained.VOCAB), 0) if size.name == "F5TTS_v1_Base" else 0
    vocab = [*untrained.VOCAB, *(f"<{i}>" for i in range(missing))]
    vocos = VocosConfig(
        input_channels=size.dit.mel_dim,
        dim=size.vocos.dim,
        intermediate_dim=size.vocos.intermediate_dim,
        num_layers=size.vocos.num_layers,
        n_fft=size.vocos.n_fft,
        hop_length=HOP,
    )
    dit = replace(size.dit, text_num_embeds=len(vocab))
    untrained.write(folder, dit, vocos, vocab, seed=SEED, name=size.name)


def configure(folder: Path, reference: Reference, device: str, dtype: str) -> ipc.Configure:
    """What the daemon would tell its engine."""
    return ipc.Configure(
        kind="native",
        model_config=str(folder / "model.yaml"),
        checkpoint=str(folder / "model.safetensors"),
        vocab=str(folder / "vocab.txt"),
        vocoder=str(folder / "vocos"),
        device=device,
        dtype=dtype,
        voices=[ipc.VoiceFiles(name=VOICE, audio=reference.audio, text=reference.text)],
    )
