"""What daemon and client say to each other (PROTOCOL.md). Imports msgspec and the standard library, nothing else."""
