"""PROTOCOL.md and the code say the same: whoever changes one alone is told here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from ishowctl.client import Client
from ishowtts import admission, config, delivery, lane, server, service, subscriptions
from ishowtts.wire import codec, constants, errors
from ishowtts.wire import messages as m
from tests.protocol.conftest import Daemon
from tests.protocol.document import Document, Table, code, tables

REQUESTS = {str(kind.__struct_config__.tag): kind for kind in m.REQUESTS}
REPLIES = {str(kind.__struct_config__.tag): kind for kind in m.REPLIES}
FROM_CLIENT, FROM_DAEMON = "Client to daemon", "Daemon to client"


@pytest.fixture(scope="session")
def pages(document: str) -> Document:
    return Document(document)


# --- what the code says, in the words of the tables ---------------------------------------------------------------


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():
            names = [_type(one) for one in kind.types if not isinstance(one, inspect.NoneType)]
            return " or ".join([*names, "null"] if kind.includes_none else names)
        case inspect.LiteralType():
            return "integer" if isinstance(kind.values[0], int) else "string"
        case inspect.ListType():
            return f"array of {_type(kind.item_type)}"
        case inspect.StrType():
            return "string"
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "number"
        case inspect.DictType() | inspect.StructType():
            return "object"
    raise AssertionError(f"no word for {kind}")


def _range(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():
            return " ".join(filter(None, map(_range, kind.types)))
        case inspect.LiteralType():
            return " ".join(f"`{value}`" if isinstance(value, str) else str(value) for value in _declared(kind))
        case inspect.ListType():
            return _range(kind.item_type)
        case inspect.StrType():
            return f"`{kind.pattern}`" if kind.pattern else ""
        case inspect.IntType() | inspect.FloatType():
            return "" if kind.ge is None else f"{kind.ge}..{kind.le}"
    return ""


def _declared(kind: inspect.LiteralType) -> list[Any]:
    """The values in the order of the page: msgspec sorts some."""
    order = [
        *m.Priority.__args__,
        *m.SampleFormat.__args__,
        *m.SampleRate.__args__,
        *m.Topic.__args__,
        *m.VoteKind.__args__,
    ]
    return sorted(kind.values, key=order.index)


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return f"`{msgspec.json.encode(default).decode()}`"


def _fields(kind: type[msgspec.Struct]) -> list[inspect.Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return [field for field in info.fields if field.name != "id"]


def _flat(kind: type[msgspec.Struct], prefix: str = "") -> dict[str, tuple[str, str]]:
    """{name: (type, always or may be absent)} of a reply, the fields of its inner structs included."""
    found = {}
    for field in _fields(kind):
        absent = kind.__struct_config__.omit_defaults and not field.required
        found[prefix + field.name] = (_type(field.type), "may be absent" if absent else "always")
        if isinstance(field.type, inspect.StructType):
            found |= _flat(field.type.cls, f"{prefix}{field.name}.")
    return found


def _rows(body: str) -> Table:
    """The table of fields of one op; none where the page says that it has no fields of its own."""
    found = [table for table in tables(body) if "field" in table[0]]
    assert bool(found) != ("No\nfields of its own." in body or "No fields of its own." in body), body
    return found[0] if found else []


# --- the tests ----------------------------------------------------------------------------------------------------


def test_every_op(pages: Document) -> None:
    assert set(pages.ops(FROM_CLIENT)) == set(REQUESTS)
    assert set(pages.ops(FROM_DAEMON)) == set(REPLIES)


@pytest.mark.parametrize("op", REQUESTS)
def test_fields_of_a_request(pages: Document, op: str) -> None:
    rows = _rows(pages.ops(FROM_CLIENT)[op])
    said = {code(row["field"]): (row["type"], row["range"], row["default"]) for row in rows}
    assert said == {f.name: (_type(f.type), _range(f.type), _default(f)) for f in _fields(REQUESTS[op])}
    assert all(row["meaning"] for row in rows)


@pytest.mark.parametrize("op", REPLIES)
def test_fields_of_a_reply(pages: Document, op: str) -> None:
    rows = _rows(pages.ops(FROM_DAEMON)[op])
    assert {code(row["field"]): (row["type"], row["present"]) for row in rows} == _flat(REPLIES[op])
    assert all(row["meaning"] for row in rows)


def test_fields_of_every_request(pages: Document) -> None:
    rows = {code(row["field"]): row for row in pages.table("Ids", "field")}
    assert set(rows) == set(codec._Head.__struct_fields__)
    id_field = next(field for field in inspect.type_info(m.Ping).fields if field.name == "id")
    assert rows["id"]["range"] == _range(id_field.type)


def test_admin_ops(pages: Document) -> None:
    marked = {op for op, body in pages.ops(FROM_CLIENT).items() if "Admin socket only" in body}
    assert marked == {str(kind.__struct_config__.tag) for kind in m.ADMIN_ONLY}


def test_codes_and_reasons(pages: Document) -> None:
    rows = pages.table("Codes and reasons", "code")
    said = [(code(row["code"]), code(row["reason"]), row["retry"]) for row in rows]
    assert len(set(said)) == len(said)
    of_code = errors.CODE_OF
    assert {(errors.Code(c), errors.Reason(r)) for c, r, _ in said} == {(of_code[r], r) for r in errors.Reason}
    assert {c for c, _, _ in said} == {c.value for c in errors.Code}
    assert {r for _, r, retry in said if retry == "yes"} == {r.value for r in errors.RETRYABLE}
    assert {retry for _, _, retry in said} == {"yes", "no"}
    assert all(row["meaning"] and row["what the client should do"] for row in rows)


def test_capabilities(pages: Document) -> None:
    table = next(t for t in tables(pages.ops(FROM_DAEMON)["welcome"]) if "capability" in t[0])
    assert [code(row["capability"]) for row in table] == list(m.CAPABILITIES)


def test_limits(pages: Document) -> None:
    limits = admission.Limits()
    assert {row["limit"]: float(row["value"]) for row in pages.table("Limits", "limit")} == {
        "header, bytes": constants.HEADER_MAX_BYTES,
        "any frame, bytes": server._OPTIONS[server.zmq.MAXMSGSIZE],
        "text, characters": constants.TEXT_MAX_CHARS,
        "accepted requests that have not started": limits.queue,
        "characters in them, together": limits.queued_chars,
        "live requests of one user": limits.per_user,
        "subscriptions of one user": subscriptions.PER_USER,
        "credit of one connection": constants.CREDIT_MAX,
        "messages waiting for one connection": server._OPTIONS[server.zmq.SNDHWM],
        "messages a second of one user": service.MESSAGES_PER_S,
        "messages at once after a quiet time": service.MESSAGES_BURST,
        "milliseconds between signs of life": constants.HEARTBEAT_MS,
        "seconds without credit": delivery.STALL_S,
        "bytes of audio waiting before the engine pauses": lane.BACKLOG_MAX_BYTES,
        "seconds to finish in a `drain`": config.Server().drain_s,
    }


def test_limits_that_can_be_configured(pages: Document) -> None:
    """The key exists, and its default is the figure of the table."""
    for row in pages.table("Limits", "limit"):
        if row["configurable"] != "no":
            section, key = code(row["configurable"]).split(".")
            assert getattr(getattr(config.Config(), section), key) == float(row["value"])


def test_shares_of_the_queue(pages: Document) -> None:
    text = pages.section("The life of one `synth`")
    assert admission._SHARE == {"interactive": 1.0, "normal": 0.75, "batch": 0.5}
    assert "`interactive` all of it, `normal` 75 %, `batch` 50 %" in text
    assert f"one class for every {admission.AGEING_S:.0f} s" in text


def test_the_figures_in_the_text(pages: Document) -> None:
    assert f"at most {constants.HEADER_MAX_BYTES} bytes" in pages.section("Frames")
    assert f"more than {server._OPTIONS[server.zmq.MAXMSGSIZE]} bytes" in pages.section("Frames")
    assert f"for {delivery.STALL_S:.0f} s while audio waits" in pages.section("Credit")
    assert f"**silence of {3 * constants.HEARTBEAT_MS // 1000} s (3 heartbeats)" in pages.section("Is it still there?")
    assert f"to {constants.TEXT_MAX_CHARS} characters" in pages.ops(FROM_CLIENT)["synth"]
    assert f"At most {subscriptions.PER_USER} subscriptions" in pages.ops(FROM_CLIENT)["subscribe"]


def _names(tree: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in tree.items():
        found |= _names(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def test_status_voices_and_welcome(pages: Document, fake_daemon: Daemon) -> None:
    with Client(fake_daemon.endpoint) as client:
        status, voices, welcome = client.ask("status"), client.ask("voices"), client.ask("hello")
    title = "What `status` and `voices` say"
    assert {code(row["field of `status`"]) for row in pages.table(title, "field of `status`")} == _names(
        status["status"]
    )
    of_voice = {code(row["field of a voice"]) for row in pages.table(title, "field of a voice")}
    assert of_voice == set(voices["voices"][0]) | {"problem"}
    limits = {row["in `welcome.limits`"]: int(row["value"]) for row in pages.table("Limits", "limit")}
    assert {f"`{name}`": value for name, value in welcome["limits"].items()} == {k: v for k, v in limits.items() if k}


def test_the_promised_versions(pages: Document) -> None:
    assert codec.MAGIC == b"IST1"
    assert constants.PROTOCOLS == ("IST1",)
    assert {"version": "1.0", "date": "2026-11", "change": "first version"} in pages.table("Version history", "version")
