"""How large a body of a file may be: each limit with its reason."""

from __future__ import annotations

# -- transformer and what is behind it
MOST_LAYERS = 200  # the largest text encoders have 80
MOST_POSITIONS = 10**7  # of a transformer that computes them, for which no tensor stands; known ones have 10**6
MOST_MODULES = 16  # behind the transformer; known models have five at most
MOST_NUMBER = 10**10  # in a config; the base of rotary positions goes to 10**8
MOST_FACTORS = 4096  # of rotary positions, half as many as a head has units
MOST_SCORES = 5 * 10**7  # of attention for one text; all-mpnet-base-v2 computes 3 million at most
MOST_STATES = 10**8  # tokens of the two texts that are encoded when a file is read, times units of a layer
MOST_COUNT = 10**12  # of training texts
# -- tokenizer
MOST_CHARACTERS_PER_TOKEN = 200  # of its description, beside MOST_CHARACTERS; known ones take 60 without line breaks
MOST_CHARACTERS = 10**6  # a table of sentencepiece that replaces characters takes 330,000
MOST_ENTRY = 512  # characters of a token; the longest known are 256 blanks
MOST_ENTRY_MEAN = 40  # characters of a token, on average; a prefix tree takes a hundred bytes for each; known: 5 to 9
MOST_EXTRA_TOKENS = 1000  # beside two for each that the transformer knows; some tokenizers know more than it does
MOST_MERGES = 4  # for each token; known ones have 1 or 2
MOST_SCORE = 10**6  # of a token, positive or negative; known ones have 20
MOST_WORD = 1000  # characters of a word that is split into tokens in quadratic time; all known ones take 100
MOST_PIECE = 100  # characters of a prefix, a suffix, or of what is put in the place of others; known ones have 2
MOST_PATTERN = 1000  # characters of a regular expression; the longest known have 500
MOST_CHOICES = 4  # repetitions in an alternative of a pattern: with n of them it takes the length to the power n + 1
MOST_REPEATS = 100  # in a counted repetition, which is compiled as so many copies; known ones have 3
MOST_STEPS = 16  # of a sequence of normalizers and the like; known ones have 7
MOST_GROWTH = 100  # times the length of a text, by what a tokenizer puts in the place of characters; ALBERT: 36
MOST_UNICODE_GROWTH = 5000  # the same with what Unicode's forms make of rare characters; ALBERT: 2592
MOST_NORMALIZED = 10**7  # characters of all tokens that are normalized when a tokenizer is built
MOST_SPECIAL = 31  # tokens that a tokenizer adds to each text, and to each piece of a long one; known ones add 1 to 3
