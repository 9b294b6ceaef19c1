"""gunicorn's own settings file, named by `--config`: its lines of logs in the product's shape, and
metrics of all its workers on one port."""

from __future__ import annotations

import gc
from logging.config import dictConfig
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from attrition_site.serving import web_process

web_process.prepare()

from django.conf import settings  # noqa: E402 (they are read as a web process reads them)

from attrition_site.observability import exposition  # noqa: E402


class ProductLogger(Logger):  # type: ignore[misc]
    """gunicorn's, its lines handed to the product's.

    gunicorn's own setting for that (`logconfig_dict`) has it put together a line of its access log
    with every request as well.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        dictConfig(settings.LOGGING)


logger_class = ProductLogger

_metrics: exposition.Exposition | None = None


def on_starting(server: Any) -> None:
    """In the process that starts the workers, before there are any."""
    global _metrics
    _metrics = exposition.opened(settings.METRICS_PORT)


def post_worker_init(worker: Any) -> None:
    """In each worker, once it has loaded the product."""
    if _metrics is not None:
        _metrics.serve()
    # What is loaded by now stays: a collector that passes over it comes by sooner and costs less.
    gc.collect()
    gc.freeze()


def worker_exit(server: Any, worker: Any) -> None:
    """In each worker that ends as it should, when its last request has been answered."""
    if _metrics is not None:
        from attrition_site.observability import metrics

        metrics.count_pending()


def on_exit(server: Any) -> None:
    """In the process that started the workers, which have ended."""
    if _metrics is not None:
        _metrics.close()
