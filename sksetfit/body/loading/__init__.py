"""Loading a Sentence Transformer: where it is, what of it can be tuned, and whether it embeds as it should."""
