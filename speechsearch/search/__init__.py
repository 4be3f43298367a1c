"""From what was heard to what was meant: catalogues, text index, the sound itself."""
