"""What is hashed can never be erased, so no name, address or word of a person is in it: salted commitments only."""

import json
import re

from evidence import tenancy
from evidence.ledger.models import Event, EventText
from portal.accounts.models import Account, Invitation, Membership
from tests.contracts.world import World

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w")


def bodies():
    return [bytes(body).decode() for body in Event.objects.values_list("body", flat=True)]


def test_no_event_of_a_whole_life_names_a_person_or_an_address(ours: World):
    with tenancy.entered(ours.organization.pk):
        people = Membership.objects.values_list("person_id", "person__name").distinct()
        names = {name for _, name in people} | {
            name for name in Invitation.objects.values_list("name", flat=True) if name
        }
        emails = set(Account.objects.filter(person_id__in=[key for key, _ in people]).values_list("email", flat=True))
        told = bodies()
        assert len(told) > 100 and len(names) > 8
        found = [(word, body) for body in told for word in names | emails if word in body]
        assert not found
        assert not [body for body in told if ADDRESS.search(body)]


def test_what_people_wrote_is_a_commitment_in_the_event_and_words_beside_it(ours: World):
    with tenancy.entered(ours.organization.pk):
        texts = list(EventText.objects.select_related("event"))
        assert len(texts) > 20
        for text in texts:
            body = bytes(text.event.body).decode()
            assert len(json.loads(body)["facts"]["texts"][text.field]) == 64
            assert len(text.text) < 12 or text.text not in body
