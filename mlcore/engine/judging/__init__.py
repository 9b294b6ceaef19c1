"""How good a model is, how sure that is, and for whom: the figures of its card."""
