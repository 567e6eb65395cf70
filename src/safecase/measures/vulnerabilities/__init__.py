"""Measure 6, reported vulnerabilities and biases: strangers and users can report, and reports are handled in time."""
