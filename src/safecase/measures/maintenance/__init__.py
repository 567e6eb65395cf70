"""Measure 8, updates and maintenance: vulnerabilities are known, ordered and mended; changes of models are foreseen."""
