"""The addresses of the resources, on the address under which users reach the API."""

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from shared.adapters.storage.signing import LinkSigner
from shared.records.resources.models import BatchLinks, SubmissionLinks

_DAY: Final = 86_400
#: A recipient's link is valid for 7 to 8 days. It changes once a day, so that a submission keeps its ETag meanwhile.
_DAYS: Final = 8


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of resources. The `signer` knows the address of the API, and signs the recipient's link."""

    signer: LinkSigner

    def submission(self, upload: int, *, has_recipient: bool) -> SubmissionLinks:
        address = self.submission_address(upload)
        return SubmissionLinks(
            self=address,
            events=f"{address}/events",
            output=f"{address}/output",
            source=f"{address}/source",
            page=self.page(upload) if has_recipient else None,
        )

    def submission_address(self, upload: int) -> str:
        return f"{self.signer.public_url}/v1/submissions/{upload}"

    def page(self, upload: int) -> str:
        """Return the recipient's link."""
        return self.signer.page_link(upload, expires=_expiry())

    def artifact(self, upload: int, run: int, name: str) -> str:
        return f"{self.submission_address(upload)}/artifacts/{quote(name, safe='')}?run={run}"

    def recipients_artifact(self, upload: int, run: int, name: str) -> str:
        """Return the recipient's link to an artifact. It is valid as long as that to the page."""
        return self.signer.artifact_link(upload, run, name, expires=_expiry())

    def batch(self, batch: int) -> BatchLinks:
        address = f"{self.signer.public_url}/v1/batches/{batch}"
        return BatchLinks(
            self=address,
            events=f"{address}/events",
            submissions=f"{self.signer.public_url}/v1/submissions?batch={batch}",
        )


def _expiry() -> int:
    return (int(time.time()) // _DAY + _DAYS) * _DAY
