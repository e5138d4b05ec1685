"""The Sentence Transformer: loaded, tokenising, encoding, and as plain data for files."""
