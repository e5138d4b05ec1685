"""A body as plain data, what may be built from that, and folders of sentence-transformers."""
