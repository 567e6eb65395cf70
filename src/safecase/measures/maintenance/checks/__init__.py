"""The checks of this measure, one a file."""
