"""ishowttsd: arguments, configuration, App. Exit status 78 means: mend the configuration (EX_CONFIG)."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from ishowtts import __version__, config, places, voices
from ishowtts.app import App, StartError
from ishowtts.files import BadPath

EXAMPLES = """\
examples:
  ishowttsd                                     serve with /etc/ishowtts/ishowtts.yaml
  ishowttsd --check-config                      say whether the configuration is good, change nothing
  ishowttsd --config my.yaml --runtime-dir /tmp/tts
  ishowttsd --engine fake --runtime-dir /tmp/tts    tones instead of speech: no torch, no weights

exit status: 0 stopped as asked, 1 cannot start or broke, 2 usage, 78 bad configuration
"""


def main() -> None:
    args = _parser().parse_args()
    file = Path(args.config).resolve()
    try:
        if args.check_config:
            voices.load(read(args, file).voices, file.parent)  # a start does this in App
            print("\n".join(f"{layer}: good" for layer in config.layers(file)) or f"all defaults: {file} is not there")
            return
        sys.exit(asyncio.run(_run(partial(read, args, file), file.parent)))
    except (config.ConfigError, BadPath) as error:
        sys.exit(_say(str(error), 78))
    except StartError as error:
        sys.exit(_say(str(error), 1))


async def _run(read_config: Callable[[], config.Config], base: Path) -> int:
    return await App(read_config, base).run()


def read(args: argparse.Namespace, file: Path) -> config.Config:
    """The configuration as the command line wants it; again at each reload. Raises ConfigError."""
    return _override(config.load(file), args)


def _override(settings: config.Config, args: argparse.Namespace) -> config.Config:
    if args.runtime_dir:
        server = msgspec.structs.replace(settings.server, runtime_dir=str(Path(args.runtime_dir).resolve()))
        settings = msgspec.structs.replace(settings, server=server)
    if args.engine:
        engine = msgspec.structs.replace(settings.engine, kind=args.engine)
        settings = msgspec.structs.replace(settings, engine=engine)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ishowttsd",
        description="Serve F5-TTS speech to local programs over ZeroMQ.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", default=str(places.main_config()), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--runtime-dir", metavar="DIR", help="where the sockets are, instead of server.runtime_dir")
    parser.add_argument("--engine", choices=["native", "reference", "fake"], help="instead of engine.kind")
    parser.add_argument("--check-config", action="store_true", help="read the configuration, report, exit")
    parser.add_argument("--version", action="version", version=f"ishowttsd {__version__}")
    return parser


def _say(sentence: str, status: int) -> int:
    print(f"ishowttsd: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
