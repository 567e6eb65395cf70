"""Measure 5, testing and validation: the service does its work, and resists attacks of our own."""
