"""The `qa` command."""
