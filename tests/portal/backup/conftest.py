"""A small installation to back up, and empty places to restore it into."""

import contextlib
import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connections, transaction
from django.test import override_settings

from evidence import tenancy
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.controls import services as controls
from evidence.intake import services as intake
from evidence.ledger import sequencer
from evidence.organizations.models import Organization
from portal.backup import making, restoring
from tests import databases
from tests.people import People, hire


def quiet(text: str) -> None:
    """Nobody listens to the progress."""


@dataclass
class Installation:
    """One database with its folders, and what the tests do there."""

    folder: Path
    settings: object
    database: str
    organization: Organization | None = None
    people: People | None = None

    def enter(self) -> None:
        """Work here from now on."""
        self.settings.CLEARHOLD_BLOBS_DIR = self.folder / "blobs"
        self.settings.CLEARHOLD_KEYS_DIR = self.folder / "keys"
        self.settings.CLEARHOLD_SIGNER_DIR = self.folder / "signer"
        self.settings.CLEARHOLD_WORK_DIR = self.folder / "work"
        databases.use(self.database)

    @contextlib.contextmanager
    def entered(self):
        with transaction.atomic(), tenancy.entered(self.organization.pk):
            yield

    def found(self, slug: str = "lumenroll") -> None:
        with transaction.atomic():
            self.organization = Organization.objects.create(slug=slug, name=slug.capitalize())
            with tenancy.entered(self.organization.pk):
                self.people = hire(self.organization)
                controls.adopt_starter_set(actor=self.people.maya)

    def add(self, data: bytes, title: str = "Leavers") -> Artifact:
        received = intake.take(
            io.BytesIO(data), filename="leavers.csv", organization_id=self.organization.pk, limit_bytes=10_000_000
        )
        with self.entered():
            return artifacts.add(received, title=title, kind="report", actor=self.people.ines)

    def seal(self) -> None:
        sequencer.run_once(self.organization.pk)

    def back_up(self, target: Path, keys: Path | None = None) -> making.Made:
        return making.make(target, keys=keys, say=quiet)

    def restore(self, source: Path, **given) -> restoring.Restored:
        return restoring.restore(source, say=quiet, **given)

    def files(self) -> list[Path]:
        return sorted(path for path in (self.folder / "blobs").rglob("*") if path.is_file())


FILES = (b"week,result\nW12,OK\n", b"", b"x" * 200_000)


@pytest.fixture
def live(own_database, settings, tmp_path) -> Installation:
    """An installation with an organization, three pieces of evidence and a sealed history."""
    here = Installation(tmp_path / "live", settings, own_database)
    here.enter()
    here.found()
    for data in FILES:
        here.add(data)
    here.seal()
    return here


@contextlib.contextmanager
def apart_from_the_workers_own():
    """Real logins for the time of a block, whatever databases are used in it."""
    before = connections.settings["default"]["NAME"]
    shared = connections["default"].settings_dict.pop("SHARED_LOGIN", None)
    try:
        yield
    finally:
        for connection in connections.all():
            connection.close()
        databases.use(before)
        if shared:
            connections["default"].settings_dict["SHARED_LOGIN"] = True


@pytest.fixture(scope="session")
def made_once(test_template, django_db_setup, django_db_blocker, worker_id, tmp_path_factory) -> Installation:
    """One backup for all tests that only restore it: its folder holds `backups` and `apart`."""
    folder = tmp_path_factory.mktemp("made-once")
    label = f"{worker_id.replace('_', '')}once"
    with django_db_blocker.unblock(), apart_from_the_workers_own(), databases.copy(test_template, label) as database:
        names = {f"CLEARHOLD_{name}_DIR": folder / name.lower() for name in ("BLOBS", "KEYS", "SIGNER", "WORK")}
        with override_settings(**names):
            here = Installation(folder, SimpleNamespace(), database)
            here.enter()
            here.found()
            for data in FILES:
                here.add(data)
            here.seal()
            here.back_up(folder / "backups", keys=folder / "apart")
            for connection in connections.all():
                connection.close()
    return here


@pytest.fixture
def saved(made_once, backups, apart) -> Installation:
    """A backup of one's own to restore or to spoil, and whose it is."""
    shutil.copytree(made_once.folder / "backups", backups)
    shutil.copytree(made_once.folder / "apart", apart)
    return made_once


@pytest.fixture
def empty(test_template, django_db_setup, django_db_blocker, settings, worker_id, tmp_path, request):
    """Makes empty places: a database without a row, folders without a file."""
    whose = request.getfixturevalue("live" if "live" in request.fixturenames else "made_once")
    with contextlib.ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stack.enter_context(apart_from_the_workers_own())

        def made(name: str = "empty") -> Installation:
            label = f"{worker_id.replace('_', '')}{name}"
            database = stack.enter_context(databases.copy(test_template, label))
            place = Installation(tmp_path / name, settings, database, whose.organization, whose.people)
            place.enter()
            return place

        yield made
        for connection in connections.all():
            connection.close()


@pytest.fixture
def backups(tmp_path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def apart(tmp_path) -> Path:
    return tmp_path / "apart"
