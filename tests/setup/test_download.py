"""One file over HTTP, from a server that breaks off, serves ranges or refuses them, redirects, and lies."""

from __future__ import annotations

import hashlib
import random
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.setup import download
from ishowtts.setup.download import Proof
from ishowtts.setup.errors import SetupError
from tests.setup.hub import Hub, serve
from tests.steady import steady

BIG = random.Random(1).randbytes(3_000_000)
SMALL = b"a\nb\n"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(Hub(files={"big": BIG, "small": SMALL, "empty": b""})) as served:
        yield served


def fetch(hub: Hub, part: Path, name: str = "big") -> Proof:
    return download.fetch(hub.of(name), part, lambda _done, _total: None, sleep=lambda _s: None)


def refused(hub: Hub, part: Path, name: str = "big") -> str:
    with pytest.raises(SetupError) as caught:
        fetch(hub, part, name)
    assert caught.value.mend
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_big_file_is_proven_by_the_hubs_sha256_and_not_by_the_storages_etag(hub: Hub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path / "part") == Proof("sha256", hashlib.sha256(BIG).hexdigest())
    assert (tmp_path / "part").read_bytes() == BIG
    assert hub.asked == [("big", "")]


def test_a_small_file_is_proven_by_its_git_blob(hub: Hub, tmp_path: Path) -> None:
    """The number is what `git hash-object` says."""
    assert fetch(hub, tmp_path / "part", "small") == Proof("git", "422c2b7ab3b3c668038da977e4e93a5fc623169c")
    assert (tmp_path / "part").read_bytes() == SMALL


def test_it_continues_where_the_connection_was_cut(hub: Hub, tmp_path: Path) -> None:
    hub.breaks = [1_000_000, 500_000]
    seen: list[int] = []
    download.fetch(hub.of("big"), tmp_path / "part", lambda done, _total: seen.append(done), sleep=lambda _s: None)
    assert (tmp_path / "part").read_bytes() == BIG
    assert hub.asked == [("big", ""), ("big", "bytes=1000000-"), ("big", "bytes=1500000-")]
    assert seen == sorted(seen)
    assert seen[-1] == len(BIG)


def test_it_continues_what_an_earlier_run_left(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BIG[:1234])
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG
    assert hub.asked == [("big", "bytes=1234-")]


def test_a_part_that_is_whole_is_only_asked_about(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BIG)
    assert fetch(hub, tmp_path / "part").kind == "sha256"
    assert hub.asked == [("big", f"bytes={len(BIG)}-")]


@pytest.mark.parametrize("left", [b"x" * 1234, b"x" * len(BIG), b"x" * (len(BIG) + 5), BIG + b"x"])
def test_a_part_of_something_else_is_thrown_away(hub: Hub, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "part").write_bytes(left)
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG
    assert hub.asked[-1] == ("big", "")


def test_a_server_without_ranges_begins_anew(hub: Hub, tmp_path: Path) -> None:
    hub.ranges, hub.breaks = False, [1_000_000]
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG


def test_a_range_that_starts_elsewhere_is_not_believed(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BIG[:1234])
    hub.start_lie = 1
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG
    assert hub.asked == [("big", "bytes=1234-"), ("big", "")]


def test_a_wrong_checksum_is_refused_and_nothing_stays(hub: Hub, tmp_path: Path) -> None:
    hub.digest = "0" * 64
    message = refused(hub, tmp_path / "part")
    assert "what came is not what was announced" in message
    assert f"not {'0' * 64}" in message
    assert not (tmp_path / "part").exists()
    assert len(hub.asked) == 1, "a whole download that was wrong is not repeated"


def test_a_wrong_checksum_of_a_small_file(hub: Hub, tmp_path: Path) -> None:
    hub.digest = "0" * 40
    assert "what came is not what was announced" in refused(hub, tmp_path / "part", "small")


@pytest.mark.parametrize("storage", [True, False])
def test_a_length_that_is_too_long(hub: Hub, tmp_path: Path, storage: bool) -> None:
    """The connection ends early, the next range is past the end: what came was the whole, as its checksum shows."""
    hub.length_lie, hub.storage = 10, storage
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG


def test_a_length_that_is_too_short_is_not_taken_for_the_whole(hub: Hub, tmp_path: Path) -> None:
    hub.length_lie = -10
    assert f"broke at {len(BIG) - 10} of {len(BIG)} bytes" in refused(hub, tmp_path / "part")


def test_without_a_checksum_nothing_is_pieced_together(hub: Hub, tmp_path: Path) -> None:
    hub.checksums = False
    (tmp_path / "part").write_bytes(b"x" * 1234)
    assert fetch(hub, tmp_path / "part") == Proof("length")
    assert (tmp_path / "part").read_bytes() == BIG


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.statuses = [status] * 3
    fetch(hub, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BIG


def test_in_the_end_it_gives_up_and_keeps_what_came(hub: Hub, tmp_path: Path) -> None:
    hub.breaks = [1000] + [0] * 20
    message = refused(hub, tmp_path / "part")
    assert "the connection broke at 1000 of 3000000 bytes, 6 times in a row" in message
    assert "--from DIR" in message
    assert (tmp_path / "part").read_bytes() == BIG[:1000]


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_is_not_asked_again(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.statuses = [status]
    assert f"the server answers {status}" in refused(hub, tmp_path / "part")
    assert "404 Not Found" in refused(hub, tmp_path / "part", "nothing")


def test_no_server_at_all(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        message = refused(Hub(address=f"http://127.0.0.1:{taken.getsockname()[1]}"), tmp_path / "part")
    assert "cannot be reached" in message
    assert "--from DIR" in message


def test_a_redirect_out_of_encryption_is_refused() -> None:
    hops, request = download._Hops(), download.urllib.request.Request("https://a/x")
    with pytest.raises(SetupError, match="which is not encrypted"):
        hops.redirect_request(request, None, 302, "", Message(), "http://a/x")


def test_an_empty_file(hub: Hub, tmp_path: Path) -> None:
    """git's own number for nothing."""
    hub.ranges = False
    assert fetch(hub, tmp_path / "part", "empty").digest == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_a_full_disk_is_said(hub: Hub, tmp_path: Path) -> None:
    """In a child, whose files may not grow: EFBIG stands for ENOSPC, which needs a mount."""
    code = (
        "import sys, signal; from pathlib import Path; from ishowtts.setup import download\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: download.fetch(sys.argv[1], Path(sys.argv[2]), lambda *_: None)\n"
        "except download.SetupError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, hub.of("big"), str(tmp_path / "part")], capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )  # fmt: skip
    assert said.stdout == f"{tmp_path / 'part'} cannot be written: File too large. Mend that, then run setup again.\n"


def test_what_stands_there_already_is_asked_about_and_not_fetched(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(BIG)
    assert download.announced(hub.of("big"), file) == Proof("sha256", hashlib.sha256(BIG).hexdigest())
    file.write_bytes(BIG[:-1] + b"x")
    assert download.announced(hub.of("big"), file) is None
    file.write_bytes(BIG[:-1])
    assert download.announced(hub.of("big"), file) is None
    hub.checksums = False
    file.write_bytes(BIG)
    assert download.announced(hub.of("big"), file) is None


headers = st.dictionaries(
    st.sampled_from(["ETag", "X-Linked-ETag", "X-Repo-Commit", "X-Linked-Size"]),
    st.sampled_from(['"' + "a" * 64 + '"', 'W/"' + "b" * 40 + '"', '"5f3-abc"', "", "1"]),
)


@steady
@given(st.lists(st.tuples(st.sampled_from(["http://hub/x", "http://storage/x"]), headers), max_size=3))
def test_only_the_host_that_was_asked_is_believed(hops: list[tuple[str, dict[str, str]]]) -> None:
    seen = []
    for url, fields in hops:
        message = Message()
        for name, value in fields.items():
            message[name] = value
        seen.append((url, message))
    proof = download.proof_of("http://hub/x", seen)
    own = [fields for url, fields in hops if url == "http://hub/x"]
    named = any("X-Linked-ETag" in fields or "X-Repo-Commit" in fields for fields in own)
    assert proof.kind == "length" or named
