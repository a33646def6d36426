"""The room books."""
