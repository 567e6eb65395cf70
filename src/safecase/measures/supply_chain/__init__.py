"""Measure 4, AI supply chain: models, data sets and packages come from where they say, and carry nothing that runs."""
