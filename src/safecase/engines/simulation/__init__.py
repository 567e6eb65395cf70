"""What a year may cost: Open FAIR by Monte Carlo, with rare events counted as they come.

A year draws how often something happens (Poisson, with a rate that may be uncertain itself), then each event its own
loss. So most years of a rare event cost nothing, which a product of a mean rate and one loss cannot say.
"""
