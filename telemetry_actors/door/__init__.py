"""The room door."""
