"""How fast the product is and what memory it takes, measured on the real thing: `make benchmark`.

A private PostgreSQL that writes to disk, the product's own web server, requests over HTTP.
"""
