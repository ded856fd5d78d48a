"""Readers of untrusted documents into plain text and rows; only programs in a limited process may call them."""
