"""Asking a target many things at once: as fast as it bears, within a budget, nothing lost, nothing done twice."""
