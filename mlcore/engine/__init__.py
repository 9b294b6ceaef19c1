"""Models as plain Python: schema, glass box, artifact; drafting, learning and judging beside them.

Nothing in this package imports Django, and what serves a prediction (`schema`, `glassbox`,
`artifact`) imports nothing that trains one: numpy is all it needs.
"""
