"""Who a request says it is for: believed of our own proxy, dropped from everybody else."""

import pytest
from django.test import Client, RequestFactory, override_settings

from portal.edge import forwarding
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD


def seen(**meta):
    request = RequestFactory().get("/", **meta)
    forwarding.ForwardingMiddleware(lambda given: given.META)(request)
    return request.META


@override_settings(CLEARHOLD_PROXIES="10.0.0.0/8 ::1")
@pytest.mark.parametrize(
    ("peer", "chain", "caller"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense\r\nX: y", "10.0.0.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("203.0.113.50", "10.0.0.5", "203.0.113.50"),
        ("", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_callers_address_is_the_last_that_no_proxy_of_ours_has(peer, chain, caller):
    assert seen(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=chain)["REMOTE_ADDR"] == caller


@override_settings(CLEARHOLD_PROXIES="10.0.0.1")
def test_only_a_proxy_may_say_that_it_was_https():
    assert "HTTP_X_FORWARDED_PROTO" not in seen(REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_PROTO="https")
    assert seen(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_PROTO="https")["HTTP_X_FORWARDED_PROTO"] == "https"


def test_nobody_may_say_which_host_or_address_is_meant():
    given = dict.fromkeys(forwarding.DROPPED, "evil.example")
    assert not set(seen(REMOTE_ADDR="127.0.0.1", **given)) & set(forwarding.DROPPED)


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver@evil.example", "testserver:1/x"]
)
def test_another_host_is_refused_without_a_word_of_it(host, db):
    answer = Client(raise_request_exception=False).get("/signin", headers={"host": host})
    assert answer.status_code == 400 and b"evil" not in answer.content


def test_links_in_mail_begin_with_the_base_address_whatever_host_was_asked(
    org, people, mailoutbox, settings, django_capture_on_commit_callbacks
):
    settings.ALLOWED_HOSTS = ["*"]
    settings.CLEARHOLD_BASE_URL = "https://clearhold.example"
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(people.adam).post(
            f"/o/{org.slug}/settings/people/invite",
            {"name": "Nora", "email": "nora@x.example", "role": "engineer", "password": PASSWORD},
            headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
        )
    (mail,) = mailoutbox
    assert "https://clearhold.example/invite/" in mail.body and "evil" not in mail.body
