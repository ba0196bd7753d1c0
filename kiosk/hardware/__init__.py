"""Readers, tokens and certificates. Nothing here knows the screens."""
