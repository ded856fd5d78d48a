"""Readers of findings from files: one module per format, found by its file name.

A format module defines `FORMAT` (see `reader.formats.Format`). Adding a format means adding a file here; nothing else
lists them. No format module knows Django or the database: they run in a limited child process (`sandbox`).
"""
