"""The tuner: which schedule to speak with. Pure: no clock, no board, no engine in here; autotune.py carries it out.

`core.Tuner` says what it wants next (``ask``) and is told what came of it (``tell``).
"""
