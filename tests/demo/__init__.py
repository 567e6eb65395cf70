"""Tests of the demo: a package, so that its modules may be called as elsewhere."""
