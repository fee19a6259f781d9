"""`python -m ishowtts.engine FD`: the engine child; FD is its end of the supervisor's socketpair."""

from __future__ import annotations

import socket
import sys

from ishowtts.engine.worker import Worker, prepare_process

if __name__ == "__main__":
    prepare_process()
    Worker(socket.socket(fileno=int(sys.argv[1]))).run()
