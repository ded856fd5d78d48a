"""The facts about links. Whom a link is for stands in its row and, as a commitment, beside the event that made it."""

from evidence.ledger.events import Event

LINK_MADE = Event("package_link.made", "{actor} made {subject}, a link to a package")
LINK_REVOKED = Event("package_link.revoked", "{actor} took back {subject}, a link to a package")
LINK_OPENED = Event("package_link.opened", "Somebody opened the page of {subject}, a link to a package")
LINK_DOWNLOADED = Event("package_link.downloaded", "Somebody downloaded a package by {subject}")
PACKAGE_RELEASED = Event("package.released", "{actor} released {subject} to the auditors of its engagement")
