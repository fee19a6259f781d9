"""`python -m ishowtts.setup.smoke CONFIGURE`: start the engine child as the daemon would and have it say one sentence.

CONFIGURE is an ipc.Configure as JSON with one voice, whose own words are spoken: no vocabulary lacks them. Prints one
line of JSON: what was loaded and how long it took, or what is wrong and what mends it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import msgspec

from ishowtts import children, ipc


def main() -> None:
    configure = msgspec.json.decode(sys.argv[1], type=ipc.Configure)
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        children.command(sys.executable, "ishowtts.engine", str(theirs.fileno())),
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()
    ours.sendall(ipc.pack(configure))
    answer = _talk(ours, configure.voices[0])
    ours.close()
    status = child.wait()
    print(json.dumps(answer or {"what": f"the engine ended with status {status} while it was tried.", "mend": ""}))


def _talk(engine: socket.socket, voice: ipc.VoiceFiles) -> dict[str, Any] | None:
    """None: it ended before it had an answer."""
    unpacker, about = ipc.Unpacker(), {}
    while data := engine.recv(1 << 20):
        for header, pcm in unpacker.feed(data):
            match ipc.read_from_engine(header):
                case ipc.Ready() as ready:
                    broken = [info.problem for info in ready.voices if info.problem]
                    if broken:
                        return {"what": broken[0], "mend": "Mend the voice or choose another as voices.default."}
                    about = {"model": ready.model, "device": ready.device, "torch": ready.torch, "load_s": ready.load_s}
                    engine.sendall(ipc.pack(_sentence(voice)))
                case ipc.Unavailable() as lacking:
                    return {"what": lacking.what, "mend": lacking.mend}
                case ipc.Failed() as failed:
                    return {"what": failed.msg, "mend": ""}
                case ipc.Spoken() as spoken:
                    return {**about, "audio_s": spoken.audio_s, "compute_s": spoken.compute_s, "bytes": len(pcm)}
    return None


def _sentence(voice: ipc.VoiceFiles) -> ipc.Speak:
    return ipc.Speak(
        job=1,
        text=voice.text,
        voice=voice.name,
        seed=1,
        nfe=7,
        cfg=2.0,
        speed=1.0,
        sample_format="pcm_s16le",
        rate=24000,
    )


if __name__ == "__main__":
    main()
