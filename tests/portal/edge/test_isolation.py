"""What another site may make a browser ask: open a page by a link, read what is public, and nothing more."""

import re

import pytest
from django.test import Client

from tests.contracts.test_access_matrix import signed_in

ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("dest", ["document", "iframe", "empty"])
def test_a_form_of_another_site_is_refused_even_with_a_token(org, people, site, dest):
    client = signed_in(people.maya)
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": dest}
    assert client.post("/session/keep", headers=headers).status_code == 403
    assert client.post("/signout", headers=headers).status_code == 403
    assert client.get(f"/o/{org.slug}/findings").status_code == 200, "still signed in"


def test_an_image_or_script_of_another_page_reads_nothing(org, people):
    client = signed_in(people.maya)
    for path in (f"/o/{org.slug}/findings", f"/api/v1/organizations/{org.slug}/findings/"):
        answer = client.get(path, headers=ELSEWHERE)
        assert answer.status_code == 403 and b"F-0" not in answer.content


def test_a_frame_of_another_page_shows_nothing(org, people):
    assert (
        signed_in(people.maya).get(f"/o/{org.slug}/findings", headers=LINK | {"sec-fetch-dest": "iframe"}).status_code
        == 403
    )


def test_a_link_in_a_mail_opens_the_page(org, people):
    assert signed_in(people.maya).get(f"/o/{org.slug}/findings", headers=LINK).status_code == 200


def test_what_is_public_is_read_from_anywhere(db):
    for path in ("/healthz", "/verify.py", "/.well-known/security.txt"):
        assert Client().get(path, headers=ELSEWHERE).status_code == 200, path


def test_a_program_without_the_headers_is_served_as_before(org, people):
    assert signed_in(people.maya).post("/session/keep").status_code == 204


def test_a_form_without_the_token_is_refused(org, people):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(people.maya).cookies
    assert client.post("/session/keep").status_code == 403


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "data:text/html,x",
     "///evil.example", "http:evil.example", "\thttps://evil.example", "https:/\\evil.example", "/%0d%0aLocation: x"],
)  # fmt: skip
def test_no_address_that_somebody_gives_leads_out(org, people, target):
    answers = [
        signed_in(people.maya).get("/signin", {"next": target}),
        Client().post("/preferences/theme", {"theme": "dark"}, headers={"referer": target.strip().replace("\t", "")}),
    ]
    for answer in answers:
        assert answer.status_code == 302
        assert re.fullmatch(r"/[^/\\\r\n]?[^\\\r\n]*", answer["Location"]), answer["Location"]
        assert "evil" not in answer["Location"]
    page = Client().get("/signin", {"next": target}).content.decode()
    assert not re.search(r'value="(?:[a-z]+:|//|/\\|\\)', page)
