"""Whether a service is still what it was: its recent calls against earlier ones, its answers against a baseline."""
