"""Measure 3, infrastructure security: identity, segmentation, secrets, logging and response of what runs the AI.

Who may ask the service, what it can reach, and what lies around it that a thief could use.
"""
