"""The board: one snapshot of its clocks, heat and power, and one verdict whether a measurement on it can be trusted."""
