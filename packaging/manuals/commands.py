"""ishowctl(1) and ishowttsd(8), out of their own parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from manuals import roff

SEE_ALSO = "`ishowctl`(1), `ishowttsd`(8), `ishowtts.yaml`(5), `systemctl`(1)"
EXAMPLES, STATUSES = "examples:", "exit status:"

FILES = {
    "/etc/ishowtts/ishowtts.yaml": "the configuration; files in conf.d beside it are laid over it",
    "/run/ishowtts/tts.sock": "where programs speak, for the group ishowtts",
    "/run/ishowtts/admin.sock": "where operators steer, for the group ishowtts-admin",
    "/var/lib/ishowtts": "models, runtime, voices, history",
    "/var/cache/ishowtts": "compiled kernels; may be removed at any time",
}
SIGNALS = {
    "SIGTERM, SIGINT": "finish what is accepted, for at most `server.drain_s`, then end; a second one ends at once",
    "SIGHUP": "read the configuration again; a bad one changes nothing",
}
AS_A_SERVICE = (
    "`ishowttsd.socket` and `ishowttsd-admin.socket` hold the sockets and hand them to each start, so that clients see "
    "a restart as a pause. The first client starts the daemon where it does not run: `systemctl stop ishowttsd.socket` "
    "keeps it down. After a bad configuration (78) the sockets are closed until `systemctl start ishowttsd`. "
    "`systemctl reload ishowttsd` takes over a changed configuration, `systemctl status ishowttsd` and "
    "`journalctl -u ishowttsd` say how it is."
)


def client_page(parser: argparse.ArgumentParser, date: str, version: str) -> str:
    commands = subparsers(parser)
    about = {action.dest: action.help or "" for action in _subcommands(parser)._choices_actions}
    body = "".join(
        roff.subsection(synopsis(command).removeprefix("ishowctl "), _command(command, about[name]))
        for name, command in commands.items()
    )
    environment = roff.item(roff.bold("ISHOWTTS_ENDPOINT"), "the daemon's socket, where --endpoint is not given")
    return "".join(
        [
            roff.title("ishowctl", 1, date, version),
            roff.section("NAME", "ishowctl \\- speak through the iShowTTS daemon and look after it\n"),
            roff.section(
                "SYNOPSIS", f"{roff.bold('ishowctl')} [{roff.italic('OPTIONS')}] {roff.italic('COMMAND')} ...\n"
            ),
            roff.section("DESCRIPTION", roff.paragraph(str(parser.description))),
            roff.section("OPTIONS", _options(parser)),
            roff.section("COMMANDS", body),
            roff.section("ENVIRONMENT", environment),
            *_end(parser),
        ]
    )


def daemon_page(parser: argparse.ArgumentParser, date: str, version: str) -> str:
    return "".join(
        [
            roff.title("ishowttsd", 8, date, version),
            roff.section("NAME", "ishowttsd \\- serve F5\\-TTS speech to local programs over ZeroMQ\n"),
            roff.section("SYNOPSIS", f"{roff.bold('ishowttsd')} [{roff.italic('OPTIONS')}]\n"),
            roff.section("DESCRIPTION", roff.paragraph(str(parser.description)) + roff.paragraph(AS_A_SERVICE)),
            roff.section("OPTIONS", _options(parser)),
            roff.section("SIGNALS", "".join(roff.item(roff.bold(name), what) for name, what in SIGNALS.items())),
            *_end(parser),
        ]
    )


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return dict(_subcommands(parser).choices)


def synopsis(parser: argparse.ArgumentParser) -> str:
    """The usage line in one, without what every command takes."""
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    return usage.replace(" [-h]", "").replace(" [--endpoint E]", "")


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What can be given to it: its commands aside, and for a command what every command takes."""
    whole = " " not in parser.prog
    for action in parser._actions:
        everywhere = {"-h", "--endpoint"} & set(action.option_strings)
        if not isinstance(action, argparse._SubParsersAction) and (whole or not everywhere):
            yield action


def _subcommands(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _command(parser: argparse.ArgumentParser, about: str) -> str:
    more = "" if parser.add_help else f" All its options: `{parser.prog} --help`."
    return roff.paragraph(f"{about[0].upper()}{about[1:]}.{more}") + _options(parser)


def _options(parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()
    return "".join(roff.item(_tag(action), formatter._expand_help(action)) for action in options(parser))


def _tag(action: argparse.Action) -> str:
    """-o, --output FILE"""
    names = ", ".join(map(roff.bold, action.option_strings)) or roff.italic(str(action.metavar or action.dest))
    if not action.option_strings or action.nargs == 0:
        return names
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"{names} {roff.italic(str(value))}"


def _end(parser: argparse.ArgumentParser) -> list[str]:
    """What every page ends with; the examples and exit statuses are those of --help."""
    examples, _, statuses = str(parser.epilog).partition(STATUSES)
    return [
        roff.section("EXIT STATUS", roff.verbatim(statuses)),
        roff.section("EXAMPLES", roff.verbatim(examples.replace(EXAMPLES, "", 1))),
        roff.section("FILES", "".join(roff.item(roff.italic(path), what) for path, what in FILES.items())),
        roff.section("SEE ALSO", roff.paragraph(SEE_ALSO)),
    ]
