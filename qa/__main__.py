"""`python -m qa` is the `qa` command."""

from qa.cli.main import main

main()
