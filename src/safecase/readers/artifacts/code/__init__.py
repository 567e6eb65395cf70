"""Code, templates and configurations beside weights: what a loader imports, renders or constructs."""
