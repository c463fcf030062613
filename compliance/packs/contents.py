"""What goes into an evidence pack, gathered beforehand: plain values, no residents, nothing to look up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from compliance.dspt.assessment import Assessment
from compliance.dspt.collectors import Collected


@dataclass(frozen=True, slots=True)
class Home:
    """One care home as it appears in the profile."""

    name: str
    cqc_location_id: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The organisation as the toolkit asks for it."""

    code: str
    name: str
    ods_code: str
    ico_number: str
    homes: tuple[Home, ...]


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The public half of the key that signs the pack. `public_key` is 32 raw bytes."""

    key_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a pack says.

    names: a person's name by ref, for those who confirmed. checkpoint: a signed note of the ledger.
    created_at: aware, UTC. reports: the reports' workbooks by name.
    """

    profile: Profile
    assessment: Assessment
    collected: tuple[Collected, ...]
    names: Mapping[str, str]
    checkpoint: str
    requested_by: str
    created_at: datetime
    signer: SignerKey
    reports: Mapping[str, bytes] = field(default_factory=dict)
