"""The version of the package.

Floor 0: knows nothing.
"""

__version__ = "0.1.0.dev0"
