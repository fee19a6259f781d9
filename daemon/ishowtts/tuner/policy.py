"""What the operator wants of the tuner: the `tuner:` section of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]
Bucket = Literal["short", "medium", "long"]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Factors (``climb_below``, ``panic_above``) are relative to ``rtf_target``."""

    auto: bool = True
    candidates: Annotated[tuple[Annotated[int, Meta(ge=3, le=64)], ...], Meta(min_length=1, max_length=8)] = (6, 7, 8)
    rtf_target: Annotated[float, Meta(gt=0, le=10)] = 0.20
    bucket: Bucket = "medium"
    voice: str = ""
    period_s: Annotated[float, Meta(ge=60, le=31 * 86400)] = 6 * 3600.0
    jitter_s: Annotated[float, Meta(ge=0, le=86400)] = 600.0
    quiet_hours: Annotated[str, Meta(pattern=r"\A(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?\Z")] = ""
    idle_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    start_below_c: Annotated[float, Meta(ge=20, le=120)] = 70.0
    abort_above_c: Annotated[float, Meta(ge=20, le=120)] = 80.0
    runs: Annotated[int, Meta(ge=3, le=100)] = 10
    noise_limit: Annotated[float, Meta(gt=0, le=1)] = 0.05
    climb_below: Annotated[float, Meta(gt=0, le=1)] = 0.90
    panic_above: Annotated[float, Meta(ge=1, le=10)] = 1.25
    confirm_rounds: Annotated[int, Meta(ge=1, le=10)] = 2
    confirm_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    dwell_s: Annotated[float, Meta(ge=0, le=31 * 86400)] = 1800.0
    quality_limit: Annotated[float, Meta(ge=1, le=100)] = 1.5
    recogniser: str = ""
    gpu_share: Annotated[float, Meta(gt=0, le=1)] = 0.02

    def __post_init__(self) -> None:
        if self.start_below_c >= self.abort_above_c:
            raise ValueError("start_below_c must be less than abort_above_c")
        if len(set(self.candidates)) < len(self.candidates):
            raise ValueError("candidates must not repeat")
