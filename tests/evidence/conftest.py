"""What several suites of the ground floor share."""

from tests.evidence.scanners import clamd, clamd_socket  # noqa: F401  fixtures
