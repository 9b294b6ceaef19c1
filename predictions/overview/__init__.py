"""The state of the workforce: who stands where now, what moved, and what drives it.

An account of it is computed in the background (`account`), kept in one row (`keeping`), and put
into words and pictures when a page is read (`comparison`, `levels`, `drivers`, `movement`).
"""
