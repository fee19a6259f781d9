"""Emulated Jetsons: trees of `sys/ etc/ proc/ varlib/` with the nodes that the BSP's tools, jtop and we read."""
