"""Runs where torch comes with Triton: on a GPU as it is, else in Triton's interpreter on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton: its own library is interpreted too

    try:
        from triton.runtime import interpreter
    except ImportError:  # the tests say so
        pass
    else:
        _patch = interpreter._patch_lang_tensor

        def _patch_and_mend(tensor: Any, *scope: Any) -> None:
            """Triton 3.6 takes int() of an array of one number for a loop's end, which numpy no longer allows."""
            _patch(tensor, *scope)
            tensor.__index__ = lambda self: self.handle.data.item()

        interpreter._patch_lang_tensor = _patch_and_mend
