"""What this interpreter's torch is and whether it computes on the GPU, as one line of JSON. Run by path by the doctor.

Imports nothing of ours: the engine's Python may be another than the daemon's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    sys.path.pop(0)  # our folder, whose modules nobody asked for
    try:
        answer = probe()
    except Exception as error:  # noqa: BLE001 (a broken installation is what we are here to report)
        answer = {
            "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a CUDA context can take seconds to go, or hang


def probe() -> dict[str, Any]:
    import torch

    answer: dict[str, Any] = {"torch": str(torch.__version__), "cuda": torch.version.cuda, "gpu": None, "problem": ""}
    answer["numpy"] = _numpy()
    if torch.version.cuda is None or not torch.cuda.is_available():
        return answer
    major, minor = torch.cuda.get_device_capability()
    answer["gpu"] = torch.cuda.get_device_name()
    answer["needs"] = f"sm_{major}{minor}"
    answer["archs"] = list(torch.cuda.get_arch_list())
    try:
        ones = torch.ones(8, 8, device="cuda", dtype=torch.float16)
        if float((ones @ ones).sum()) != 512.0:
            answer["problem"] = "a product computed on the GPU is wrong"
    except RuntimeError as error:
        answer["problem"] = str(error).strip().splitlines()[0]
    return answer


def _numpy() -> str | None:
    """torch imports without it, and then hands out no samples."""
    try:
        import numpy
    except ImportError:
        return None
    return str(numpy.__version__)


if __name__ == "__main__":
    main()
