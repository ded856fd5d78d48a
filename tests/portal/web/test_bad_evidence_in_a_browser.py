"""Evidence that would like to act, in a real Chromium: on the page, in its preview, and when it is opened itself."""

from email.message import EmailMessage

import pytest

from tests.evidence.intake import dangers
from tests.evidence.intake.dangers import HTML, SVG
from tests.evidence.previews.test_previews import workbook
from tests.portal.web.test_evidence_in_a_browser import looked_at, sign_in


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@vendor.example", "vera@lumenroll.example", "The export"
    message.set_content("Please find the export attached.")
    message.add_attachment(b"week,result\nW12,OK\n", maintype="text", subtype="csv", filename="weeks.csv")
    return message.as_bytes()


@pytest.mark.browser
def test_nothing_of_an_upload_runs_in_a_browser(page, served):
    """SVG, HTML and the previews of tables and e-mail, opened in Chromium: no script of theirs runs."""
    ran = []
    page.on("request", lambda request: ran.append(request.url) if "ran-by-evidence" in request.url else None)
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    script = dangers.HTML.decode()
    mail = f"From: a@b.example\nTo: c@d.example\nSubject: x\nContent-Type: text/html\n\n{script}\n".encode()
    files = {
        "page.html": HTML,
        "drawing.svg": SVG,
        "rows.csv": f"a,b\n1,{dangers.SCRIPT}<img src=x onerror=alert(1)>\n".encode(),
        "note.txt": script.encode(),
        "message.eml": mail,
        "data.json": b'{"a": "</pre><script>fetch(\'/ran-by-evidence\')</script>"}',
        "both.gif": dangers.GIF_SCRIPT,
    }
    home = sign_in(page, served, "maya")
    page.set_default_timeout(60_000)
    for number, (name, data) in enumerate(files.items(), 1):
        page.goto(f"{home}upload")
        page.wait_for_selector("html[data-ready]", state="attached")
        page.set_input_files("input[type=file]", [{"name": name, "mimeType": "text/plain", "buffer": data}])
        page.click("button[type=submit]:has-text('for review')")
        page.wait_for_url(f"**/evidence/E-{number:03d}")
        page.wait_for_load_state("networkidle")
        assert page.title() != "RAN"
        page.goto(f"{home}E-{number:03d}/v/1/preview")
        assert page.title() != "RAN"
        with page.expect_download() as download:
            page.evaluate("url => { window.location = url }", f"{home}E-{number:03d}/v/1/original")
        assert download.value.suggested_filename
        assert page.title() != "RAN"
        # As a frame or an image of a page of ours: the same policy holds, and it is refused or inert.
        address = f"{home}E-{number:03d}/v/1/original"
        page.evaluate("url => { const i = new Image(); i.src = url; document.body.append(i); }", address)
    page.wait_for_load_state("networkidle")
    assert ran == []
    page.expected_troubles = ("Content Security Policy", "Failed to load resource")


@pytest.mark.browser
def test_a_held_file_is_decided_about_where_it_is_shown(page, served):
    """The hold with its form, the sheets of a workbook and an e-mail's preview, with axe at both widths."""
    files = [
        ("students.csv", b"student_id,first_name,score\n1001,Ada,1\n1002,Alan,2\n"),
        ("leavers.xlsx", workbook()),
        ("message.eml", mail()),
        ("bomb.zip", dangers.overlapping()),
    ]
    home = sign_in(page, served, "ines")
    page.set_default_timeout(60_000)
    for number, (name, data) in enumerate(files, 1):
        page.goto(f"{home}upload")
        page.wait_for_selector("html[data-ready]", state="attached")
        page.set_input_files("input[type=file]", [{"name": name, "mimeType": "text/plain", "buffer": data}])
        page.click("button[type=submit]:has-text('for review')")
        page.wait_for_selector("text=E-00", state="attached")
        page.goto(f"{home}E-{number:03d}")
    looked_at(page, "evidence-quarantined")
    page.goto(f"{home}E-003")
    page.wait_for_selector("text=Attached")
    looked_at(page, "evidence-mail")
    page.goto(f"{home}E-002")
    page.wait_for_selector("td:has-text('=SUM(1,2)')")
    looked_at(page, "evidence-sheet")
    page.click("a:has-text('Working')")
    page.wait_for_selector("td:has-text('far away')")
    page.goto(f"{home}E-001")
    page.wait_for_selector("text=2 possible student ids")
    looked_at(page, "evidence-held")
    page.fill("textarea[name=reason]", "Made-up rows of the test system.")
    page.click("button:has-text('Not personal data, keep')")
    page.wait_for_selector("text=Kept as it is")
    looked_at(page, "evidence-kept")
    page.goto(home)
    looked_at(page, "evidence-list-of-looks")
