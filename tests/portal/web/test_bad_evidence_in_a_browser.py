"""Evidence that would like to act, in a real Chromium: on the page, in its preview, and when it is opened itself."""

import pytest

from tests.evidence.intake import dangers
from tests.evidence.intake.dangers import HTML, SVG
from tests.portal.web.test_evidence_in_a_browser import sign_in


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
        page.click("button:has-text('Submit for review')")
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
