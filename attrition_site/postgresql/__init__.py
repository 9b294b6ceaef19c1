"""Django's PostgreSQL, with kept connections that survive the server's end and its silence."""
