"""How the processes of an installation are prepared, started, asked and stopped."""
