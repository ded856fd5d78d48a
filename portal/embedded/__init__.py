"""PostgreSQL and Valkey from wheels, for `make run` and the tests; it never touches a server it did not start."""
