"""`python -m ishowtts.bench`: arguments in, exit status out."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

NEEDED = ("msgspec", "yaml", "torch", "numpy", "safetensors", "soundfile", "pypinyin", "rjieba")
REFUSED, INTERRUPTED = 4, 130


def main() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        hint = "run it with the engine's Python: `ishowctl bench --python PYTHON ...`."
        sys.exit(_say(f"{sys.executable} has no {' and no '.join(missing)}: {hint}", REFUSED))
    from ishowtts.bench import options  # first of all, what costs nothing: a wrong argument is told at once

    chosen = options.parse()
    _import_torch()
    from ishowtts.bench import runner, store
    from ishowtts.engine.base import SetupRequired
    from ishowtts.files import BadPath

    try:
        sys.exit(runner.run(chosen))
    except runner.Unusable as error:
        sys.exit(_say(str(error), error.status))
    except (store.BadReport, BadPath) as error:
        sys.exit(_say(str(error), runner.USAGE))
    except SetupRequired as error:
        sys.exit(_say(f"{error.what} {error.mend}".strip(), REFUSED))
    except KeyboardInterrupt:
        sys.exit(_say("interrupted: what is measured is saved, go on with --resume.", INTERRUPTED))


def _import_torch() -> None:
    """With its OpenMP threads told to sleep while they wait, as far as nobody has told them otherwise.

    They spin by default, in the main thread's team (ours) but not once there are more threads than cores (stock's
    threads have teams of their own): on a busy CPU that alone made ours 24 times slower than stock. libgomp reads this
    once, as it is loaded; the processes that are started later are the product's and get what they always get.
    """
    ours = "OMP_WAIT_POLICY" not in os.environ
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch  # noqa: F401

    if ours:
        del os.environ["OMP_WAIT_POLICY"]


def _say(sentence: str, status: int) -> int:
    print(f"bench: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
