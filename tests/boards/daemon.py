"""The real daemon on an emulated board: `python tests/boards/daemon.py BOARD --config FILE --runtime-dir DIR`."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from ishowtts.__main__ import _parser, read
from ishowtts.app import App
from ishowtts.device.nodes import Roots


async def main(board: Path) -> int:
    args = _parser().parse_args()
    file = Path(args.config)
    return await App(partial(read, args, file), file.parent, Roots.under(board)).run()


sys.exit(asyncio.run(main(Path(sys.argv.pop(1)))))
