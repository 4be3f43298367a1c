"""From audio to letters: acoustic models and CTC."""
