"""Figures of speed: `make bench` (docs/developers.md). Nothing here is imported by the product."""
