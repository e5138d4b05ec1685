"""A fitted classifier in one skops file, checked before anything is built from it."""
