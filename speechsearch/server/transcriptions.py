"""``POST /v1/transcriptions``: a recording in, what ``query`` answers out, all at once or as it
comes (server-sent events).

Whoever speaks goes first: recordings wait in the queue before the model behind every answer and
every partial transcript.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from speechsearch.audio.reader import Source
from speechsearch.config import ServerOptions
from speechsearch.errors import ServerUnavailable, SpeechsearchError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.server import sse
from speechsearch.server.answers import Answers
from speechsearch.server.conversation import RecordedConversation, Say
from speechsearch.server.faults import fault_object, fault_response
from speechsearch.server.guard import check_token
from speechsearch.server.transcribing import Ears, Transcribing
from speechsearch.server.upload import Inflow, Slots, received, sound_limits
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire.messages import PROTOCOL, Hello
from speechsearch.wire.objects import DoneObject, Transcription, UtteranceObject

RECORDED = Hello(protocol=PROTOCOL, partials=False, patient=True)
"""What a client would say that plays a recording"""


class Transcriptions:
    """The route, as an ASGI app of its own: it has to notice when a client leaves."""

    def __init__(
        self,
        answers: Answers,
        metrics: Metrics,
        options: ServerOptions,
        segmenter: Callable[[], Segmenter],
        draining: Callable[[], bool],
    ) -> None:
        self._metrics = metrics
        self._token = options.token
        self._options = options.uploads
        self._draining = draining
        self._slots = Slots(options.uploads.max_at_once)
        self._model = answers.pipeline.model.info.label
        unshown = Metrics(self._model)  # recordings would blur what is measured of who waits

        def converse(say: Say) -> RecordedConversation:
            return RecordedConversation(answers, unshown, say, hello=RECORDED)

        limits = sound_limits(options.uploads)
        self._ears = Ears(segmenter, converse, limits, options.uploads.work_s, draining)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers, inflow = Headers(scope=scope), Inflow(receive, self._options)
        try:
            check_token(headers, self._token)
            reply = self._collect
            if sse.wants_events(headers, QueryParams(scope["query_string"])):
                reply = self._stream
            if self._draining():
                raise ServerUnavailable("the server is ending", hint="Send the recording again")
            with self._slots.one():
                self._metrics.uploads.set(self._slots.taken)
                async with received(scope, inflow) as source:
                    await sse.while_connected(receive, reply(source, send))
        except ClientDisconnect:
            pass
        except SpeechsearchError as error:
            self._metrics.refused(error.code)
            if "expect" not in headers:
                await inflow.linger()
            await fault_response(error)(scope, receive, send)
        finally:
            self._metrics.uploads.set(self._slots.taken)

    async def _collect(self, source: Source, send: Send) -> None:
        """Everything at once."""
        work = Transcribing(source, self._ears)
        total_s = await work.measure_s()
        async with aclosing(work.events(total_s)) as events:
            found = [event async for event in events if isinstance(event, UtteranceObject)]
        whole = Transcription(
            file=source.name,
            duration_s=round(total_s, 3),
            model=self._model,
            utterances=tuple(found),
        )
        for message in sse.document(whole):
            await send(message)

    async def _stream(self, source: Source, send: Send) -> None:
        """Events as they come; what goes wrong on the way is the last of them."""
        work, answered = Transcribing(source, self._ears), 0
        total_s = await work.measure_s()
        await send(sse.BEGIN)
        try:
            async with aclosing(work.events(total_s)) as events:
                async for event in events:
                    name = "utterance" if isinstance(event, UtteranceObject) else "progress"
                    answered += name == "utterance"
                    await send(sse.event(name, event))
            done = DoneObject(
                file=source.name,
                duration_s=round(total_s, 3),
                model=self._model,
                answered=answered,
            )
            await send(sse.event("done", done))
        except SpeechsearchError as error:
            self._metrics.refused(error.code)
            await send(sse.event("error", fault_object(error)))
        await send(sse.END)
