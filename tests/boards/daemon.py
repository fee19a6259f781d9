"""The real daemon on an emulated board: `python tests/boards/daemon.py BOARD --config FILE --runtime-dir DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ishowtts import config
from ishowtts.__main__ import _override, _parser
from ishowtts.app import App
from ishowtts.device.nodes import Roots


async def main(board: Path) -> int:
    args = _parser().parse_args()
    settings = _override(config.load(Path(args.config)), args)
    return await App(settings, Path(args.config).parent, Roots.under(board)).run()


sys.exit(asyncio.run(main(Path(sys.argv.pop(1)))))
