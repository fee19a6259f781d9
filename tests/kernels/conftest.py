"""Runs where torch comes with Triton: on a GPU as it is, else in Triton's interpreter on the CPU."""

from __future__ import annotations

import os
from pathlib import Path

if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton: its own library is interpreted too
