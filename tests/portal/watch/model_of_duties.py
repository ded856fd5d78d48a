"""What the rules say about one item and its people, in sets of names: written apart, knowing nothing of the product.

PRACTICE.md section 4 is all it knows: who did what, who is who, who holds which role, who lent to whom, who is away,
whose emergency access runs, and which exceptions are in force.
"""

from dataclasses import dataclass, field

NAMES = ("maya", "ines", "vera", "arun", "alba", "nina")
DEPARTMENTS = {"arun": "Security", "alba": "Finance", "nina": "Finance", "vera": "Security"}
APPROVERS = ("arun", "alba", "nina", "vera")
DUTIES = ("finder", "owner", "implementer", "uploader", "verifier")
# Who did one of these may not do the other on the same item.
NEVER = {
    frozenset(pair.split()): number
    for number, pair in {
        "S-02": "owner verifier", "S-03": "owner approver", "S-04": "implementer verifier",
        "S-05": "implementer approver", "S-06": "uploader verifier", "S-07": "uploader approver",
        "S-08": "verifier approver", "S-09": "finder verifier", "S-10": "finder approver",
    }.items()
}  # fmt: skip
NEEDED = {"medium": 1, "high": 2}
# Who holds what beside the approver's role, which changes.
ROLES = {
    "maya": {"manager", "engineer"}, "ines": {"engineer", "reviewer"}, "vera": {"reviewer"}, "arun": {"reviewer"},
    "alba": {"reviewer"}, "nina": {"reviewer"}, "adam": {"administrator"}, "edda": {"executive"},
}  # fmt: skip
ACTIVATE = {"administrator", "executive", "manager"}
REVIEW = {"manager", "executive", "approver"}
SMALL = 3
# What nobody takes while their emergency access runs, of the duties above.
BARRED = {"verifier", "approver"}


@dataclass
class Cover:
    """One emergency access."""

    person: str
    role: str
    state: str = "asked"
    by: str = ""
    row: object = None


@dataclass
class Model:
    """The rules in sets of names."""

    groups: dict[str, frozenset[str]] = field(default_factory=lambda: {name: frozenset({name}) for name in NAMES})
    hands: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in NAMES})
    approvers: set[str] = field(default_factory=lambda: {"arun", "alba", "nina"})
    away: set[str] = field(default_factory=set)
    loans: list[dict] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    waivers: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in NAMES})
    # Who ever carried an exception that somebody else wrote, with that author.
    carried: set[tuple[str, str]] = field(default_factory=set)

    @property
    def open(self) -> dict | None:
        return self.requests[-1] if self.requests and self.requests[-1]["state"] == "open" else None

    def group(self, name: str) -> frozenset[str]:
        return self.groups.get(name, frozenset({name}))

    def roles(self, name: str) -> set[str]:
        return ROLES[name] | ({"approver"} if name in self.approvers else set())

    def held(self, name: str) -> set[str]:
        return set().union(*(self.hands[one] for one in self.groups[name]))

    def is_excepted(self, name: str, number: str, wanted: str) -> bool:
        """An exception is one person's, for one rule, and only while the team that could take the duty is small."""
        return number in self.waivers[name] and wanted == "approver" and len(self.approvers) < SMALL

    def broken(self, name: str, wanted: str) -> set[tuple[str, str, str]]:
        return {
            (number, held, wanted)
            for held in self.held(name)
            if (number := NEVER.get(frozenset({held, wanted}))) and not self.is_excepted(name, number, wanted)
        }

    def may_take(self, name: str, duty: str) -> bool:
        # What one has laid already is laid once, whatever runs.
        is_new = duty not in self.hands[name]
        return not self.broken(name, duty) and not (is_new and duty in BARRED and self.in_emergency(name))

    # --- deciding ----------------------------------------------------------------------------------------------------

    def may_decide(self, name: str, loan: dict | None) -> bool:
        giver = loan["giver"] if loan else None
        if loan is None and name not in self.approvers:
            return False
        # Two persons who turned out to be one don't stand in for each other.
        if loan and (loan["state"] != "running" or giver not in self.approvers or giver in self.groups[name]):
            return False
        used = set().union(*(self.groups[one] for voice in self.open["voices"] for one in voice))
        return not any(
            one in used
            or self.open["asker"] in self.groups[one]
            or self.broken(one, "approver")
            or self.in_emergency(one)
            for one in filter(None, (name, giver))
        )

    # --- who is who --------------------------------------------------------------------------------------------------

    def may_link(self, one: str, other: str) -> bool:
        """Not, when the two broke a rule together that neither side had broken alone."""
        if other in self.groups[one]:
            return False
        left, right = self.groups[one], self.groups[other]
        for request in self.requests:
            if request["state"] not in ("open", "granted", "refused"):
                continue
            deciders = set().union(*request["voices"]) if request["voices"] else set()
            for these, those in ((left, right), (right, left)):
                if request["asker"] in these and deciders & those:
                    return False
            if deciders & left and deciders & right:
                return False
        # Whoever wrote an exception does not turn out to be who carries it.
        if any(
            author in these and carrier in those
            for author, carrier in self.carried
            for these, those in ((left, right), (right, left))
        ):
            return False
        if not (self.took_part(left) and self.took_part(right)):
            return True
        apart = self.broken_among(left | right)
        kept = self.groups
        self.groups = {**kept, **dict.fromkeys(left | right, left | right)}
        together = self.broken_among(left | right)
        self.groups = kept
        return together <= apart

    def took_part(self, group: frozenset[str]) -> bool:
        return any(self.hands[name] for name in group)

    def broken_among(self, people: frozenset[str]) -> set[tuple[str, str, str]]:
        return set().union(*(self.broken(name, duty) for name in people for duty in self.hands[name]))

    def link(self, one: str, other: str) -> None:
        joined = self.groups[one] | self.groups[other]
        for name in joined:
            self.groups[name] = joined

    # --- standing in -------------------------------------------------------------------------------------------------

    def may_lend(self, giver: str, deputy: str) -> bool:
        if giver not in self.approvers or deputy in self.groups[giver]:
            return False
        for loan in self.loans:
            if loan["state"] == "ended":
                continue
            if loan["deputy"] in self.groups[giver] or loan["giver"] in self.groups[deputy]:
                return False
        return True

    # --- emergencies -------------------------------------------------------------------------------------------------

    def in_emergency(self, name: str) -> bool:
        return any(cover.state == "running" and cover.person in self.group(name) for cover in self.covers)

    def own_cover(self, name: str) -> Cover | None:
        return next((cover for cover in self.covers if cover.state == "running" and cover.person == name), None)

    def may_ask(self, name: str, role: str) -> bool:
        is_open = any(cover.state in ("asked", "running") and cover.person in self.group(name) for cover in self.covers)
        return role not in self.roles(name) and not is_open

    def may_activate(self, cover: Cover, by: str) -> bool:
        if cover.state != "asked":
            return False
        if by in self.group(cover.person):
            here = [name for name in ROLES if self.roles(name) & ACTIVATE and name not in self.away]
            return all(name in self.group(cover.person) for name in here)
        return bool(self.roles(by) & ACTIVATE) and not self.in_emergency(by)

    def may_review(self, cover: Cover, by: str) -> bool:
        involved = self.group(cover.person) | self.group(cover.by)
        return (
            cover.state == "over" and by not in involved and bool(self.roles(by) & REVIEW) and not self.in_emergency(by)
        )

    # --- exceptions --------------------------------------------------------------------------------------------------

    def make_exception(self, name: str, number: str, asker: str) -> None:
        self.waivers[name].add(number)
        self.carried.add((asker, name))

    def may_except(self, name: str, number: str, asker: str) -> bool:
        between = next(pair for pair, known in NEVER.items() if known == number)
        return "approver" in between and len(self.approvers) < SMALL and name not in self.group(asker)
