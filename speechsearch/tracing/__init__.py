"""Spans of each utterance, from the sound to the click, for OpenTelemetry where that is wanted."""
