"""The bounds of a saved file. `dump` reads its own file by them, so that it writes none that `load` refuses."""

# Of a zip archive: one with more members takes skops an hour to write.
MOST_MEMBERS = 100_000
DIRECTORY_BYTES = 128  # of a member in the list of members: 46, its name, and what files above 4 GB add
CHECKSUM_BYTES = 256  # of a member in sha256.json: 64 digits, its name and punctuation
# A sparse matrix is an archive of at most five arrays.
MOST_OF_SPARSE = 8
# Weights shrink by less than a tenth; what grows twentyfold and beyond this many bytes was made to fill the memory.
MOST_EXPANSION, ALWAYS_ALLOWED = 20, 100_000_000

# Of the description, schema.json. A tokenizer is part of it, beside weights that are larger than its text: hence a
# description may have as many bytes more as the file has, and a comma more for each twenty of them.
MOST_DESCRIPTION, MOST_COMMAS = 10_000_000, 3_000_000
MOST_VALUES = 3_000_000  # in JSON: heads of ten thousand labels
MOST_DEPTH = 200  # in JSON: fifty estimators in one another. Python ends at a thousand calls
MOST_NAME = 1_000  # characters of a name of a type: errors quote it

# Of an array: bytes of an item, which is a text of 100,000 characters, and rows or columns without values, of which
# a list takes 56 bytes each.
MOST_ITEM, MOST_EMPTY = 400_000, 1_000_000
