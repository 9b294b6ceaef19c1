"""What is stored about predictions, one module per subject."""

from predictions.models.batch import (
    Batch,
    BatchChunk,
    BatchPiece,
    BatchRanking,
    BatchState,
    FileShape,
    RefusedRow,
)
from predictions.models.overview import Overview
from predictions.models.prediction import AppendOnlyError, Prediction, Source

__all__ = [
    "AppendOnlyError",
    "Batch",
    "BatchChunk",
    "BatchPiece",
    "BatchRanking",
    "BatchState",
    "FileShape",
    "Overview",
    "Prediction",
    "RefusedRow",
    "Source",
]
