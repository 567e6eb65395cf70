"""Measure 1, threat modelling: every deployed AI service has its threats named, weighed and answered.

What applies to a service follows from its facts; what is accepted instead of mended is signed and ends.
"""
