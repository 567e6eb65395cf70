"""The straight way: tailor, plan, run, judge; `assessment.py` walks it.

`tailor`, `plan` and `judge` are pure. `run` is the only step with side effects.
"""
