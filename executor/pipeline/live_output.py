"""Sends what a program writes while it runs, between the other events of its run."""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

from shared.engine_api.run_call.events import AnyEvent, Output, OutputStream

#: Seconds between two deliveries. What a program writes in many small pieces meanwhile is sent as one.
_PACE_S: Final = 0.02


class LiveEvents:
    """The output of one run. `write` takes what the program has written, and `beside` yields it."""

    def __init__(self) -> None:
        #: What is not sent yet, in order: events, and blocks of output with their streams.
        self._waiting: list[AnyEvent | tuple[OutputStream, bytes]] = []
        self._changed = asyncio.Event()
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders: dict[OutputStream, codecs.IncrementalDecoder] = {
            "stdout": decoder("replace"),
            "stderr": decoder("replace"),
        }

    def write(self, stream: OutputStream, block: bytes) -> None:
        """Take a block that the program has written."""
        self._waiting.append((stream, block))
        self._changed.set()

    async def beside(self, events: AsyncGenerator[AnyEvent]) -> AsyncGenerator[AnyEvent]:
        """Yield the events of the run, and what the program writes meanwhile. Raises what `events` raises."""

        async def read() -> None:
            async with aclosing(events):
                async for event in events:
                    self._waiting.append(event)
                    self._changed.set()

        reading = asyncio.create_task(read())
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            while not reading.done() or self._waiting:
                await self._changed.wait()
                self._changed.clear()
                for event in self._taken():
                    yield event
                await asyncio.wait({reading}, timeout=_PACE_S)
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _taken(self) -> Iterator[AnyEvent]:
        waiting, self._waiting = self._waiting, []
        blocks: dict[OutputStream, bytearray] = {}
        for item in waiting:
            if not isinstance(item, tuple):
                yield from self._outputs(blocks, is_last=True)
                yield item
                continue
            stream, block = item
            if stream not in blocks:
                yield from self._outputs(blocks)
            blocks.setdefault(stream, bytearray()).extend(block)
        yield from self._outputs(blocks)

    def _outputs(self, blocks: dict[OutputStream, bytearray], *, is_last: bool = False) -> Iterator[Output]:
        """Yield the blocks as text, and forget them. With `is_last`, no more of a character that is cut will come."""
        for stream, decoder in self._decoders.items():
            if text := decoder.decode(bytes(blocks.pop(stream, b"")), final=is_last):
                yield Output(stream=stream, text=text)
