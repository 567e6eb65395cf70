"""The safety case of every AI service as code, with evidence that was really collected.

Read the package from the nouns to the way they take: `vocabulary` and `errors`, then `catalogue` (what could go wrong
and what must hold), `service` (what `safecase.yaml` says), `checks` and `measures` (how a control is verified),
`assess` (tailor, plan, run, judge), `evidence` (what was seen, in a ledger that cannot be quietly changed), `export`,
and `cli`.
"""

__version__ = "0.1.0"
