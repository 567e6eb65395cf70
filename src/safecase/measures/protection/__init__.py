"""Measure 7, protection against AI-specific threats: injection, poisoning, leaks, misuse of tools, while it runs."""
