import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from portal.jobs import schedule


class Command(BaseCommand):
    help = "Rings for jobs that nobody works on, and starts what is due by time."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        while True:
            schedule.round_once()
            close_old_connections()
            if options["once"] or stop.wait(schedule.ROUND_SECONDS):
                return
