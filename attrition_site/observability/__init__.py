"""What the product tells about itself at work: lines of logs, metrics, and whether it lives.

Nothing here writes what a person, a row or an address says: a line names a route, never the path
with its references, and the class of an error, never its text.
"""
