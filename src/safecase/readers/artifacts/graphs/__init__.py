"""Graphs of operators and layers: what a runtime would execute of a model that is no pickle."""
