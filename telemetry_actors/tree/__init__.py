"""The room tree."""
