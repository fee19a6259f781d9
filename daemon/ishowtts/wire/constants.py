"""The numbers of IST1 that both sides need. Imports nothing: the client's start is short."""

MAGIC = b"IST1"
PROTOCOLS = ("IST1",)
TEXT_MAX_CHARS = 20_000
HEADER_MAX_BYTES = 262_144
HEARTBEAT_MS = 2_000
CREDIT_MAX = 4096  # of one request, and of all that one connection has under way
