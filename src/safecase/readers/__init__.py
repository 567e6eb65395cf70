"""Hostile bytes to values: bounded in size, depth, count and time, and never loaded, rendered or executed."""
