"""The checks of `ishowctl doctor` that need the daemon's code: a program of its own, which changes nothing."""
