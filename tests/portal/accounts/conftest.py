from tests.remediation.conftest import thing  # noqa: F401  a fixture
