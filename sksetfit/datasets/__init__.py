"""The texts that the package brings along."""
