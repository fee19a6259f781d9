"""ishowctl: the client library and the command line. Imports `ishowtts.wire` and pyzmq, never torch or numpy."""
