"""gunicorn's settings for web: `gunicorn --config deploy/gunicorn.py portal.wsgi`. The address comes with --bind."""

import gc
import os
from typing import Any

workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
# Loaded once and shared: a second worker costs little memory.
preload_app = True
timeout = 60
graceful_timeout = 15
keepalive = 5
# A worker that has grown is replaced between requests.
max_requests = 5000
max_requests_jitter = 500
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"


def pre_fork(server: Any, worker: Any) -> None:
    """What is loaded stays: the collector need not look at it in each worker, and its pages stay shared."""
    gc.collect()
    gc.freeze()
