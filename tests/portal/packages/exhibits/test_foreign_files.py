"""Every PDF, Office file, picture, message and archive of the field as an exhibit: stamped, or a slip sheet, in limits."""

import resource
import subprocess
import time
from pathlib import Path

import pytest

from portal.packages.exhibits import laying
from tests.portal.packages.exhibits.laid import Volumes, lay_out

pytestmark = pytest.mark.slow

FOLDERS = ("pdf", "pdf_encrypted", "pdf_verapdf", "office", "images", "email_evidence", "archives")
#: Of wall time for an exhibit of the field on average, two at once.
SECONDS_EACH = 3.0


@pytest.fixture(scope="module")
def files(field_data) -> dict[str, bytes]:
    paths = [path for name in FOLDERS for path in sorted((field_data / name).rglob("*")) if path.is_file()]
    return {f"{path.parent.name}-{path.name}": path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def volumes(files, tmp_path_factory) -> tuple[Volumes, Path, float]:
    folder = tmp_path_factory.mktemp("field")
    began = time.monotonic()
    laid = lay_out(folder, files)
    return laid, folder, time.monotonic() - began


def test_each_appears_or_has_its_slip_sheet_and_the_build_ends(files, volumes):
    laid, _, seconds = volumes
    top = [place for place in laid.laid.places if not place.depth]
    assert [place.filename for place in top] == list(files)
    assert all(place.pages >= 1 for place in laid.laid.places)
    assert all(place.reason.endswith(".") for place in laid.laid.places if place.note == "slip sheet")
    assert sum(place.note != "slip sheet" for place in top) > len(top) / 2
    assert seconds < SECONDS_EACH * len(files)


def test_none_needed_more_memory_than_one_may(volumes):
    laid, _, _ = volumes
    assert laid.laid.peak_bytes < laying.MEMORY_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20


def test_every_page_carries_its_stamp(volumes):
    laid, _, _ = volumes
    for number, place in laid.places.items():
        for page, words in enumerate(laid.text(number)):
            whole = words.replace("\n", " ")
            assert number in whole, place
            assert f"Page {page + 1} of {place.pages}" in whole, place


def test_the_volume_is_sound_and_nothing_in_it_acts(volumes):
    laid, folder, _ = volumes
    source = folder / laid.laid.volumes[0].source
    checked = subprocess.run(["qpdf", "--check", source], capture_output=True, text=True)
    assert checked.returncode in (0, 3), checked.stderr
    with laid.opened() as pdf:
        for each in pdf.objects:
            names = set(each.keys()) if hasattr(each, "keys") else set()
            acts = {"/JS", "/AA", "/OpenAction", "/EF", "/Launch", "/URI", "/AcroForm", "/EmbeddedFiles"} & names
            assert not acts, acts
