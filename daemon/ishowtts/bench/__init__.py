"""`python -m ishowtts.bench` (`ishowctl bench`): this engine measured here, against stock f5-tts where that is.

Pure: workload, models, cost, stats, rows, table, compare. Everything else touches torch, processes, sockets or files.
"""
