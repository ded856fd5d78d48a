"""The readers of a package's rows, one subject each."""
