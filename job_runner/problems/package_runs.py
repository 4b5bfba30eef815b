"""Runs programs of packages and on their data: reads the files, of which the engine gets what it lacks."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final

from job_runner.problems.program import ProblemProgram, files_beside
from shared.adapters.engine.base import EngineClient
from shared.adapters.storage.base import ObjectStore
from shared.common.service.background import all_of
from shared.common.service.errors import ObjectNotFound, PermanentError
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.job_program import JobProgram
from shared.judging.packages.fields import replace_constants
from shared.judging.packages.model import Package, PackageProgram
from shared.records.problems.files import read_file

#: Files of a problem that are read from the store at once.
_READ_AT_ONCE: Final = 16


class PackageRuns:
    """Reads files of packages, and asks the engine for runs. Many runs may do so at once."""

    def __init__(self, store: ObjectStore, engine: EngineClient) -> None:
        self._store = store
        self.engine = engine
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    def events(self, request: bytes, *, share: str, silence_s: float) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run. Raises what `EngineClient.run_program` raises, and `PermanentError`."""
        return self.engine.run_program(request, share=share, silence_s=silence_s, data=self.read)

    async def program_files(self, package: Package, paths: Mapping[str, str]) -> dict[str, bytes]:
        """Return files of a program or an include, with their constants replaced.

        Raises `PermanentError` if one is missing, or too long.
        """
        contents = await self.contents(package, paths.values())
        try:
            return {path: replace_constants(contents[source], package.constants) for path, source in paths.items()}
        except ValueError:
            raise PermanentError("a file of its problem is too long") from None

    async def judge_files(self, package: Package, judge: PackageProgram) -> dict[str, bytes]:
        return {**files_beside(judge), **await self.program_files(package, judge.files)}

    async def files_of_judges(self, package: Package) -> dict[str, dict[str, bytes]]:
        """Return the files of the programs that judge, by the keys of the engine's request."""
        return {name: await self.judge_files(package, judge.program) for name, judge in package.judges.items()}

    async def unit_test_files(self, package: Package, program: JobProgram) -> dict[str, bytes]:
        """Return the files of the unit tests for a program and what it includes, as the engine's request has them."""
        tests = next(package.unit_tests[code].files for code in program.codes if code in package.unit_tests)
        contents = await self.contents(package, tests.values())
        included = await self.program_files(package, ProblemProgram(program, package).included)
        files = {f"files/{path}": contents[source] for path, source in tests.items()}
        return {**files, **{f"shared_files/{path}": data for path, data in included.items()}}

    async def contents(self, package: Package, paths: Iterable[str]) -> dict[str, bytes]:
        """Return files of a package by their paths in it. Raises `PermanentError` if one is missing."""
        digests = {path: package.files[path].digest for path in paths}
        wanted = list(dict.fromkeys(digests.values()))
        contents = await all_of(map(self.read, wanted))
        by_digest = dict(zip(wanted, contents, strict=True))
        return {path: by_digest[sha256] for path, sha256 in digests.items()}

    async def read(self, sha256: str) -> bytes:
        """Return a file by its digest. Raises `PermanentError` if it is missing."""
        async with self._reading:
            try:
                return await read_file(self._store, sha256)
            except ObjectNotFound:
                raise PermanentError("a file of its problem is missing") from None
