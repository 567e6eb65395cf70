"""Measure 2, training: everyone knows the general rules, and the people in charge know the risks of this service."""
