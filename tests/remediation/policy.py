"""A segregation policy put in force for a test."""

from evidence.organizations.models import Policy


def in_force(org, people, *, sod=None, quorum=None):
    for kind, body in (("sod", sod), ("quorum", quorum)):
        if body is not None:
            version = Policy.objects.filter(organization=org, kind=kind).count() + 1
            Policy.objects.create(organization=org, kind=kind, version=version, body=body)
