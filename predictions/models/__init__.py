"""What is stored about predictions, one module per subject."""

from predictions.models.prediction import AppendOnlyError, Prediction, Source

__all__ = ["AppendOnlyError", "Prediction", "Source"]
