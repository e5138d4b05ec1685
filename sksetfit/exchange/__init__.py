"""Folders that programs without this package read."""
