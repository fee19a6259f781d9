"""A program that opens connections to a unix socket as fast as it can; its argument is the path."""

# Up to 10 000 connections held at once by ten processes, opened as fast as they are let in.
FLOOD = """
import os, socket, struct, sys
told, tell = os.pipe()
wait, release = os.pipe()
for _ in range(10):
    if os.fork():
        continue
    os.close(release)
    held, failed = [], 0
    while len(held) < 1000 and failed < 10:
        raw = socket.socket(socket.AF_UNIX)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 50_000))
        held.append(raw)
        try:
            raw.connect(sys.argv[1])
            failed = 0
        except OSError:
            failed += 1
    os.write(tell, b"x")
    os.read(wait, 1)
    os._exit(0)
for _ in range(10):
    os.read(told, 1)
"""
