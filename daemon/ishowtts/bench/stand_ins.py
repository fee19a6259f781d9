"""Stock f5-tts imports its training stack to speak a sentence. Where a piece of that is not installed, a hollow module
takes its place for the length of the import; what inference calls (torch, torchaudio, torchdiffeq, x_transformers,
vocos) is never replaced, and what is installed is used as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Training, the web page, speech recognition, downloads, silence trimming, plots, the BigVGAN and EnCodec branches.
HOLLOW = frozenset(
    (
        "accelerate", "datasets", "einx", "ema_pytorch", "encodec", "huggingface_hub", "librosa", "loguru",
        "matplotlib", "pydub", "tqdm", "transformers", "wandb",
    )
)  # fmt: skip


class _Anything:
    """Whatever is looked up in a hollow module: can be called, subclassed, looked into."""

    def __init__(self, *_args: object, **_more: object) -> None:
        pass


class _Hollow(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Anything,), {})


class _Finder(MetaPathFinder, Loader):
    """Last on sys.meta_path: it is asked only for what nobody has."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname.partition(".")[0] in HOLLOW else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def stand_ins() -> Iterator[None]:
    """Import stock f5-tts in here. Afterwards nobody else meets a hollow module."""
    finder = _Finder()
    sys.meta_path.append(finder)
    broken: dict[str, ModuleType | None] = {}
    try:
        if not _has_pipeline():
            broken["transformers"] = sys.modules.get("transformers")
            sys.modules["transformers"] = _Hollow("transformers")
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _Hollow)]:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in broken.items() if module is not None})


def _has_pipeline() -> bool:
    """transformers can be installed and still lack what its pipelines import: that shows at this name only."""
    try:
        return hasattr(import_module("transformers"), "pipeline")
    except Exception:  # noqa: BLE001 (its lazy modules raise what they like)
        return False
