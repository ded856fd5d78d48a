from evidence.organizations import queries
from tests.portal.web.test_signing_in_and_people import signed_in


def test_an_administrator_puts_a_new_version_in_force(org, people):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/policies/uploads"
    assert client.get(page).status_code == 200
    assert client.post(page, {"limit_bytes": "1000"}).status_code == 302
    value = queries.policy(org.pk, "uploads")
    assert (value.version, value.body) == (1, {"limit_bytes": 1000})


def test_nested_and_listed_values_come_back_as_they_were(org, people):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/policies/sla"
    before = queries.policy(org.pk, "sla").body
    form = {name: field.initial for name, field in client.get(page).context["form"].fields.items()}
    form["holidays"] = "2026-12-25, 2027-01-01"
    assert client.post(page, form).status_code == 302
    after = queries.policy(org.pk, "sla").body
    assert after == {**before, "holidays": ["2026-12-25", "2027-01-01"]}


def test_a_manager_reads_policies_and_does_not_set_them(org, people):
    client = signed_in(people.maya)
    page = f"/o/{org.slug}/settings/policies/uploads"
    assert client.get(page).status_code == 200
    assert client.post(page, {"limit_bytes": "1"}).status_code == 403
    assert queries.policy(org.pk, "uploads").version == 0


def test_bad_input_is_named_and_nothing_changes(org, people):
    answer = signed_in(people.adam).post(f"/o/{org.slug}/settings/policies/uploads", {"limit_bytes": "many"})
    assert answer.status_code == 422
    assert "limit" in answer.content.decode().lower()
    assert queries.policy(org.pk, "uploads").version == 0
