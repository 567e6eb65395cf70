"""Tests of other programs that the user has installed, asked through our engine.

None of their text is ours: it is read where they are installed, in their own environments, and only while they run.
"""
