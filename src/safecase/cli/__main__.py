"""`python -m safecase.cli`: the command line without an installed script."""

from safecase.cli import main

main()
