"""Attackers that learn from each answer: a model of the user's own writes the messages, oracles say what worked."""
