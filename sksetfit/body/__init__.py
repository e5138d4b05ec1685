"""The Sentence Transformer: tokenising and encoding, loaded (`loading`), and as plain data for files (`saving`)."""
