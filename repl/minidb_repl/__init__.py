"""The interactive shell and the `minidb` command."""
