"""The PAdES signature of a sealed package: a revision of its own behind the bytes that the package's fingerprint closes."""
