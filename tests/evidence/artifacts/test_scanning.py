"""Evidence is searched for malware by a real clamd; what it finds or can't look at has its state and its sentence."""

import io
import socket
import threading
import zipfile
from datetime import timedelta

import pikepdf
import pytest

from evidence import clock
from evidence.actors import Actor
from evidence.artifacts import holding, scanning
from evidence.artifacts import services as artifacts
from evidence.artifacts.flags import flags_of
from evidence.artifacts.models import Artifact, ArtifactVersion, Scan
from evidence.errors import NotAllowed, WrongState
from evidence.intake import scanner
from evidence.ledger.models import Event
from evidence.vault import services as vault
from tests.evidence.artifacts.test_add_and_review import kinds, refused_by_database
from tests.evidence.scanners import EICAR, OURS, STREAM_BYTES
from tests.people import People


def zipped(data: bytes, name: str = "inner.txt") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return target.getvalue()


def in_a_pdf(data: bytes) -> bytes:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["report.txt"] = data
        target = io.BytesIO()
        pdf.save(target)
    return target.getvalue()


def in_a_mail(data: bytes) -> bytes:
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "The export"
    message.set_content("See attached.")
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="export.bin")
    return message.as_bytes()


@pytest.fixture
def product(org) -> Actor:
    return Actor.system(org.pk, "scanner")


@pytest.fixture
def given(take, people):
    def added(data: bytes, filename: str = "report.txt") -> ArtifactVersion:
        artifact = artifacts.add(take(data, filename), title="x", kind="report", actor=people.ines)
        return ArtifactVersion.objects.select_related("artifact").get(artifact=artifact)

    return added


def seen(version: ArtifactVersion) -> tuple[str, str]:
    """Its scan and its state, as they are now."""
    artifact = Artifact.objects.get(pk=version.artifact_id)
    return ArtifactVersion.objects.get(pk=version.pk).scan_state, artifact.state


def test_without_a_scanner_nothing_is_claimed(given, people: People):
    version = given(b"hello")
    assert seen(version) == ("not_scanned", "received")
    assert "not_scanned" in [flag.code for flag in flags_of(version.artifact, version)]
    artifacts.accept(version.artifact_id, number=1, actor=people.vera)


def test_a_clean_file_is_accepted_only_after_its_scan(clamd, given, product, people: People):
    version = given(b"week,result\nW12,OK\n", "a.csv")
    assert seen(version) == ("waiting", "received")
    with pytest.raises(WrongState, match="waits for the malware scan"):
        artifacts.accept(version.artifact_id, number=1, actor=people.vera)
    assert scanning.scan(version.pk, actor=product) == "clean"
    row = Scan.objects.get(scanned=version, outcome="clean")
    assert row.engine.startswith("ClamAV")
    assert kinds(version.artifact)[-1] == "artifact.scanned"
    assert artifacts.accept(version.artifact_id, number=1, actor=people.vera).state == "accepted"


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda data: data, "eicar.com.txt"),
        (zipped, "site-export.zip"),
        (lambda data: zipped(zipped(data), "inner.zip"), "nested.zip"),
        (in_a_pdf, "report.pdf"),
        (in_a_mail, "message.eml"),
    ],
    ids=["alone", "zip", "zip in a zip", "attachment of a PDF", "attachment of an e-mail"],
)
def test_eicar_is_found_wherever_it_hides_and_stays_in_quarantine(clamd, given, product, people: People, wrap, name):
    version = given(wrap(EICAR), name)
    assert scanning.scan(version.pk, actor=product) == "infected"
    assert seen(version) == ("infected", "quarantined")
    assert Scan.objects.get(outcome="infected").signature.startswith("Clearhold.Eicar")
    event = Event.objects.filter(kind="artifact.scanned").get()
    assert b"Clearhold.Eicar" in bytes(event.body)
    with pytest.raises(WrongState, match="can't leave quarantine"):
        artifacts.release(version.artifact_id, number=1, actor=people.vera, reason="It is harmless.")
    with pytest.raises(WrongState, match="quarantine"):
        artifacts.record_download(version.pk, actor=people.ines)
    with pytest.raises(WrongState, match="never shown"):
        artifacts.record_view(version.pk, actor=people.vera)
    artifacts.record_download(version.pk, actor=people.vera)
    assert not holding.showable(Artifact.objects.filter(pk=version.artifact_id)).exists()


def test_returned_malware_is_still_handed_to_reviewers_only(clamd, given, product, people: People):
    version = given(OURS)
    scanning.scan(version.pk, actor=product)
    artifacts.give_back(
        version.artifact_id, number=1, actor=people.vera, reason="Malware. Export it from a clean machine."
    )
    with pytest.raises(WrongState, match="only a reviewer"):
        artifacts.record_download(version.pk, actor=people.ines)
    with pytest.raises(WrongState, match="can never be accepted"):
        artifacts.accept(version.artifact_id, number=1, actor=people.vera)


def test_a_clean_version_takes_the_place_of_an_infected_one(clamd, take, given, product, people: People):
    version = given(OURS)
    scanning.scan(version.pk, actor=product)
    artifact = Artifact.objects.get(pk=version.artifact_id)
    artifact = artifacts.add_version(artifact.pk, take(b"clean"), version=artifact.version, actor=people.ines)
    assert scanning.scan(artifact.latest_id, actor=product) == "clean"
    assert artifacts.accept(artifact.pk, number=2, actor=people.vera).state == "accepted"


def test_a_scan_that_comes_late_takes_accepted_evidence_back(given, product, people: People, settings, clamd_socket):
    version = given(OURS)
    artifacts.accept(version.artifact_id, number=1, actor=people.vera)
    settings.CLEARHOLD_CLAMD = f"unix:{clamd_socket}"
    scanning.ask_again(version.pk, actor=people.vera)
    assert scanning.scan(version.pk, actor=product) == "infected"
    assert seen(version) == ("infected", "quarantined")


def test_what_is_larger_than_the_scanner_takes_is_unscannable_never_clean(clamd, given, product, people: People):
    version = given(bytes(range(256)) * (STREAM_BYTES // 256 + 4000), "large.bin")
    assert scanning.scan(version.pk, actor=product) == "unscannable"
    assert seen(version) == ("unscannable", "quarantined")
    assert "larger than the scanner takes" in Scan.objects.get(outcome="unscannable").reason
    with pytest.raises(WrongState):
        artifacts.accept(version.artifact_id, number=1, actor=people.vera)
    artifacts.release(version.artifact_id, number=1, actor=people.vera, reason="A disk image of our own build.")
    assert artifacts.accept(version.artifact_id, number=1, actor=people.vera).state == "accepted"


def test_a_file_over_the_limit_set_for_the_scanner_is_not_even_sent(clamd, given, product, settings):
    settings.CLEARHOLD_CLAMD_MOST_BYTES = 10
    version = given(b"more than ten bytes")
    assert scanning.scan(version.pk, actor=product) == "unscannable"
    assert "reads up to 10" in Scan.objects.get(outcome="unscannable").reason


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("stream: OK", "clean"),
        ("stream: Some.Virus FOUND", "infected"),
        ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", "unscannable"),
        ("stream: Heuristics.Encrypted.Zip FOUND", "unscannable"),
        ("INSTREAM size limit exceeded. ERROR", "unscannable"),
        ("stream: Can't allocate memory ERROR", "unscannable"),
    ],
)
def test_only_ok_is_clean(answer, outcome):
    assert scanner._meaning(answer, "ClamAV").outcome == outcome


def test_a_limit_that_clamd_ran_into_is_no_malware(clamd, given, product):
    version = given(b"words " * 400_000, "long.txt")
    assert scanning.scan(version.pk, actor=product) == "unscannable"
    assert "Heuristics.Limits.Exceeded" in Scan.objects.get(outcome="unscannable").reason


def test_a_scanner_that_is_away_is_asked_again_and_at_last_given_up(given, product, settings, tmp_path):
    settings.CLEARHOLD_CLAMD = f"unix:{tmp_path}/nobody.sock"
    version = given(b"hello")
    moment = clock.now()
    for attempt in range(1, scanning.ATTEMPTS_MAX):
        moment += timedelta(hours=1)
        with clock.at(moment):
            assert version in scanning.due(clock.now())
            assert scanning.scan(version.pk, actor=product) == "waiting", attempt
            assert version not in scanning.due(clock.now())
    assert seen(version) == ("waiting", "received")
    with clock.at(moment + timedelta(hours=1)):
        assert scanning.scan(version.pk, actor=product) == "unscannable"
    assert "could not be reached 6 times" in Scan.objects.get(outcome="unscannable").reason
    assert seen(version) == ("unscannable", "quarantined")


def test_a_daemon_that_dies_in_the_middle_is_no_result(given, product, settings, tmp_path):
    path = tmp_path / "dying.sock"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen(2)

    def serve() -> None:
        with server.accept()[0] as link:
            link.recv(100)
            link.sendall(b"ClamAV 1.4.3\0")
        with server.accept()[0] as link:
            link.recv(100)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.CLEARHOLD_CLAMD = str(path)
    version = given(b"hello")
    assert scanning.scan(version.pk, actor=product) != "clean"
    thread.join(30)
    server.close()


def test_only_those_who_judge_ask_for_another_scan(clamd, given, product, people: People):
    version = given(b"hello")
    with pytest.raises(WrongState, match="changes nothing"):
        scanning.ask_again(version.pk, actor=people.vera)
    scanning.scan(version.pk, actor=product)
    with pytest.raises(NotAllowed):
        scanning.ask_again(version.pk, actor=people.ines)
    scanning.ask_again(version.pk, actor=people.vera)
    assert seen(version)[0] == "waiting"


def test_the_stream_goes_out_piece_by_piece(clamd, monkeypatch):
    sizes = []
    real = scanner.socket.socket.sendall
    monkeypatch.setattr(
        scanner.socket.socket, "sendall", lambda self, data: sizes.append(len(data)) or real(self, data), raising=False
    )
    assert scanner.scan((bytes(500_000) for _ in range(4)), 2_000_000).outcome == "clean"
    assert max(sizes) <= scanner.PIECE_BYTES + 4


def test_raw_sql_can_neither_accept_nor_release_what_is_infected(clamd, given, product, people: People):
    version = given(OURS)
    scanning.scan(version.pk, actor=product)
    review = (
        "INSERT INTO artifacts_artifactreview (id, organization_id, artifact_id, reviewed_id, verdict, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'x', %s, now());"
    )
    move = "UPDATE artifacts_artifact SET state = %s WHERE id = %s;"
    for steps in (["released", "received"], ["returned", "returned", "accepted", "accepted"]):
        statement, values = "", []
        for verdict, state in zip(steps[::2], steps[1::2], strict=True):
            statement += review + move
            values += [version.organization_id, version.artifact_id, version.pk, verdict, people.vera.person_id]
            values += [state, version.artifact_id]
        assert "[E-07]" in refused_by_database(statement, *values)
    clean = (
        "INSERT INTO artifacts_scan (id, organization_id, scanned_id, number, outcome, signature, engine, reason, at)"
        " VALUES (gen_random_uuid(), %s, %s, 9, 'clean', '', '', '', now())"
    )
    assert "[E-11]" in refused_by_database(clean, version.organization_id, version.pk)
    assert "permission denied" in refused_by_database("UPDATE artifacts_scan SET outcome = 'clean'")
    assert "permission denied" in refused_by_database("DELETE FROM artifacts_scan")


def test_raw_sql_cannot_accept_before_the_scan_has_ended(clamd, given, product, people: People):
    version = given(b"hello")
    accept = (
        "INSERT INTO artifacts_artifactreview (id, organization_id, artifact_id, reviewed_id, verdict, reason, person_id, at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, 'accepted', 'x', %s, now());"
        "UPDATE artifacts_artifact SET state = 'accepted' WHERE id = %s"
    )
    values = (version.organization_id, version.artifact_id, version.pk, people.vera.person_id, version.artifact_id)
    assert "[E-08]" in refused_by_database(accept, *values)
    scanning.record(version.pk, scanner.Result("unscannable", reason="x"), actor=product)
    released = "UPDATE artifacts_artifact SET state = 'received' WHERE id = %s"
    assert "[E-06]" in refused_by_database(released, version.artifact_id)
    by_return = accept.replace("'accepted'", "'returned'") + ";" + accept
    assert "[E-09]" in refused_by_database(by_return, *values, *values)


def test_the_bytes_that_are_scanned_are_those_that_are_stored(clamd, given):
    version = given(zipped(b"x" * 1000), "a.zip")
    assert scanner.scan(vault.open(version.blob), version.size).outcome == "clean"
