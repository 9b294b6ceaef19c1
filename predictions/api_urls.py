"""To be included under the API's own prefix, and bare."""

from __future__ import annotations

from django.urls import path

from predictions.api import HistoryViewSet, PredictViewSet

predict = PredictViewSet.as_view({"post": "one"})
predict_batch = PredictViewSet.as_view({"post": "many"})
history = HistoryViewSet.as_view({"get": "list"})
prediction = HistoryViewSet.as_view({"get": "retrieve"})

urlpatterns = [
    path("predict/attrition", predict, name="predict-attrition"),
    path("predict/attrition/batch", predict_batch, name="predict-attrition-batch"),
    path("predict/history", history, name="prediction-history"),
    path("predict/history/<uuid:pk>", prediction, name="prediction-detail"),
]
