"""Measure 9, regulatory compliance: the law that applies is known, its duties are met, and people answer for it."""
