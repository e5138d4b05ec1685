"""Folders, heads and names of setfit."""
