"""`ishowctl setup --status`: what is done and what is next, for a person and for a program."""

from __future__ import annotations

import json
from typing import Any

from ishowtts.setup import plan
from ishowtts.setup.plan import ACTIVATE, PREFLIGHT, RUNTIME, SMOKE, WEIGHTS
from ishowtts.setup.steps import Setup

_NEXT = "sudo ishowctl setup"


def text(setup: Setup) -> str:
    whole = state(setup)
    lines = [f"{step['name']:<10} {step['state']:<7} {step['detail']}".rstrip() for step in whole["steps"]]
    if whole["failed"]:
        lines.append(f"failed     {whole['failed']['what']}\n           -> {whole['failed']['mend']}")
    return "\n".join([*lines, f"in use     {whole['active'] or 'no runtime of setup'}", f"next       {whole['next']}"])


def as_json(setup: Setup) -> str:
    return json.dumps(state(setup), indent=2, ensure_ascii=False)


def state(setup: Setup) -> dict[str, Any]:
    """``steps``: name, state (`done`, `open`, or `failed`) and detail; ``next``: the command to run, or `nothing`."""
    done, facts, kept = setup.done(), setup.facts(), setup.journal
    failed = kept.failed
    lacking = plan.missing(setup.model, kept, facts)
    details = {
        PREFLIGHT: "looked at again each time",
        RUNTIME: ", torch ".join(filter(None, (setup.runtime, kept.torch))) if RUNTIME in done else "",
        WEIGHTS: f"missing: {', '.join(lacking)}" if lacking else setup.model.name,
        SMOKE: kept.spoke if SMOKE in done else "",
        ACTIVATE: "",
    }

    def how(step: str) -> str:
        if failed and failed.step == step and step not in done:
            return "failed"
        return "done" if step in done or (step == PREFLIGHT and done == set(plan.STEPS[1:])) else "open"

    finished = ACTIVATE in done
    return {
        "model": setup.wish.model,
        "torch": [wheel.file for wheel in setup.wish.wheels] or ["device"],
        "from": setup.wish.source,
        "runtime": setup.runtime,
        "active": facts.current,
        "previous": kept.previous,
        "files": {place: {"sha256": file.sha256, "proof": file.proof} for place, file in kept.files.items()},
        "steps": [{"name": step, "state": how(step), "detail": details[step]} for step in plan.STEPS],
        "failed": {"step": failed.step, "what": failed.what, "mend": failed.mend} if failed and not finished else None,
        "next": "nothing: setup is complete" if finished else _NEXT,
    }
