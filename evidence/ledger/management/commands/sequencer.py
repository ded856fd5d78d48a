"""Seal events for all organizations until stopped."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from evidence.ledger import sequencer


class Command(BaseCommand):
    help = "Gives events their place in the tree and signs checkpoints, until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        sequencer.run_forever(stopped.is_set)
