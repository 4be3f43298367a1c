"""What a segmenter cuts, as the messages that tell a session of it."""

from __future__ import annotations

from speechsearch.vad import endpointer as vad
from speechsearch.wire import messages as m

CutMessage = m.SpeechStart | m.Pause | m.Resume | m.SpeechEnd


def cut_message(event: vad.Event, utterance: int, origin: int = 0) -> CutMessage:
    """The message of ``event``, whose positions count from ``origin`` of the session's."""
    match event:
        case vad.SpeechStart(start, onset):
            return m.SpeechStart(
                utterance=utterance, start_sample=start + origin, onset_sample=onset + origin
            )
        case vad.Pause(sample):
            return m.Pause(utterance=utterance, sample=sample + origin)
        case vad.Resume(sample):
            return m.Resume(utterance=utterance, sample=sample + origin)
        case vad.SpeechEnd(end, _, reason):
            return m.SpeechEnd(utterance=utterance, end_sample=end + origin, reason=reason)
