"""What setup can fetch: files, where they go below models/, and on what terms. Pure.

No checksum stands here: the hub names the SHA-256 of each file in its answer, and setup records it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    of: str
    name: str
    text: str
    must_accept: bool


@dataclass(frozen=True)
class File:
    """``place`` below models/; ``about_bytes`` is for the check of the disk alone."""

    repository: str
    path: str
    place: str
    about_bytes: int

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]


@dataclass(frozen=True)
class Model:
    """``config``: its f5-tts YAML, which the package brings along and setup puts to ``config_place``."""

    name: str
    files: tuple[File, ...] = ()
    licences: tuple[Licence, ...] = ()
    config: str = ""
    config_place: str = ""
    checkpoint: str = ""
    vocab: str = ""
    vocoder: str = ""


_F5_TTS = Licence(
    of="F5-TTS weights (SWivid/F5-TTS)",
    name="CC-BY-NC-4.0",
    text="Not for commercial use, because of the data they were trained on; the author must be named. "
    "The whole text: creativecommons.org/licenses/by-nc/4.0/legalcode",
    must_accept=True,
)
_VOCOS = Licence(
    of="Vocos weights (charactr/vocos-mel-24khz)",
    name="MIT",
    text="Free to use, also commercially.",
    must_accept=False,
)
_V1, _V1_FOLDER = "model_1250000.safetensors", "F5TTS_v1_Base"
_VOCOS_FOLDER = "vocos-mel-24khz"

MODELS = {
    model.name: model
    for model in (
        Model(
            name="F5TTS_v1_Base",
            files=(
                File("SWivid/F5-TTS", "F5TTS_v1_Base/vocab.txt", f"{_V1_FOLDER}/vocab.txt", 20_000),
                File("charactr/vocos-mel-24khz", "config.yaml", f"{_VOCOS_FOLDER}/config.yaml", 2_000),
                File("charactr/vocos-mel-24khz", "pytorch_model.bin", f"{_VOCOS_FOLDER}/pytorch_model.bin", 55_000_000),
                File("SWivid/F5-TTS", f"F5TTS_v1_Base/{_V1}", f"{_V1_FOLDER}/{_V1}", 1_350_000_000),
            ),
            licences=(_F5_TTS, _VOCOS),
            config="F5TTS_v1_Base.yaml",
            config_place=f"{_V1_FOLDER}/F5TTS_v1_Base.yaml",
            checkpoint=f"{_V1_FOLDER}/{_V1}",
            vocab=f"{_V1_FOLDER}/vocab.txt",
            vocoder=_VOCOS_FOLDER,
        ),
        Model(name="demo"),  # comes with the package
    )
}
DEFAULT = "F5TTS_v1_Base"


def fragment(model: Model, models: str) -> str:
    """The configuration that names the model's files below the folder ``models``, which is absolute."""
    lines = ["# Made by `ishowctl setup`. /etc/ishowtts/ishowtts.yaml and its conf.d go over it."]
    if model.files:
        lines += [
            "engine:",
            f"  model_config: {models}/{model.config_place}",
            f"  checkpoint: {models}/{model.checkpoint}",
            f"  vocab: {models}/{model.vocab}",
            f"  vocoder: {models}/{model.vocoder}",
        ]
    return "\n".join(lines) + "\n"
