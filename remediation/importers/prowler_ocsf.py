"""Prowler's OCSF output (version 4 and later): FAIL opens a finding; MANUAL, PASS and muted results don't."""

from . import ocsf
from .reader.formats import Format, Sample


def _sniff(sample: Sample) -> int:
    prefix = ocsf.looks(sample)
    if prefix != "-":
        return 95 if ocsf.product_of(sample, prefix) == "prowler" else 0
    # A run without results is an empty list, which only the name can place.
    return 60 if sample.head.strip() == b"[]" and "ocsf" in sample.name.casefold() else 0


FORMAT = Format(name="prowler_ocsf", title="Prowler OCSF", kinds=("json",), sniff=_sniff, read=ocsf.read)
