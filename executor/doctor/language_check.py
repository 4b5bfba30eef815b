"""Runs each language's own program, to find the languages that are installed and do not work."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from executor.catalogue.installed import Installed
from executor.pipeline.run import Pipeline
from executor.sandbox.base import SandboxFailure
from executor.slots import Full, Slots
from shared.common.service.logging import get_logger
from shared.engine_api.codex import RunRequest, Verdict

log = get_logger(__name__)

#: Seconds from the executor's start to the first check. Until then, the other services start.
_AFTER_START_S: Final = 60.0
#: Seconds after which a language that failed is checked again.
_AGAIN_S: Final = 300.0
#: Seconds after which the check tries again to get a slot.
_FULL_S: Final = 5.0
#: The share of the slots that the programs belong to (`executor.slots`).
_SHARE: Final = "language-check"
_MAX_REASON_CHARS: Final = 300
_NO_REASON: Final = "the sandbox failed"


async def faults(pipeline: Pipeline, installed: Mapping[str, Installed]) -> dict[str, str]:
    """Return why languages and their further toolchains do not work, by their codes. Those that work are not in it."""
    every = {each.code: each for language in installed.values() for each in (language, *language.others)}
    reasons = await asyncio.gather(*(_fault_of(pipeline, language) for language in every.values()))
    faults_found = {code: fault for code, fault in zip(every, reasons, strict=True) if fault}
    return {code: every[code].fault or fault for code, fault in faults_found.items()}


async def mark_faults(
    pipeline: Pipeline, installed: dict[str, Installed], slots: Slots, *, after_s: float = _AFTER_START_S
) -> None:
    """Check one language after the other, and set `fault` of those in `installed` that do not work.

    Those that failed are checked again and again, since the reason may have been the host's load, or may be mended.
    """
    codes, wait_s = list(installed), after_s
    while codes:
        await asyncio.sleep(wait_s)
        for code in codes:
            checked = await _checked(pipeline, installed[code], slots)
            others = [await _checked(pipeline, other, slots) for other in checked.others]
            installed[code] = replace(checked, others=tuple(others))
        codes, wait_s = [code for code in codes if installed[code].any_fault], _AGAIN_S


async def _checked(pipeline: Pipeline, language: Installed, slots: Slots) -> Installed:
    fault = await _fault_in_a_slot(pipeline, language, slots)
    if fault == _NO_REASON and language.fault:  # its tool's own words say more
        fault = language.fault
    if fault and fault != language.fault:
        log.warning("language.does_not_work", language=language.code, reason=fault)
    elif language.fault and not fault:
        log.info("language.works_again", language=language.code)
    return replace(language, fault=fault)


async def _fault_in_a_slot(pipeline: Pipeline, installed: Installed, slots: Slots) -> str | None:
    while True:
        try:
            async with slots.take(_SHARE, pipeline.memory_of(_request_for(installed), installed)):
                return await _fault_of(pipeline, installed)
        except Full:
            await asyncio.sleep(_FULL_S)


async def _fault_of(pipeline: Pipeline, installed: Installed) -> str | None:
    """Run the language's own program. Return why it does not work; None if it does."""
    reference = installed.language.reference
    try:
        result = await pipeline.run(_request_for(installed), installed)
    except (SandboxFailure, OSError) as exc:
        log.warning("language.not_checked", language=installed.code, reason=str(exc))
        return _NO_REASON
    if result.verdict is Verdict.OK and result.output == reference.output:
        return None
    if result.verdict is Verdict.OK:
        reason = f"it wrote {result.output!r} in place of {reference.output!r}"
    else:
        reason = f"{result.verdict}: {result.error or result.output}"
    return " ".join(reason.split())[:_MAX_REASON_CHARS]


def _request_for(installed: Installed) -> RunRequest:
    reference = installed.language.reference
    return RunRequest(code=reference.source, language=installed.code, input=reference.input)
