"""What subjects are promised: consent, pseudonyms, withdrawal, a log that tells of tampering."""

from evface.privacy.audit import AUDIT, Entry, audit, read_audit
from evface.privacy.consent import (
    CONSENT,
    SCOPE_TEXTS,
    SCOPES,
    Consent,
    Purpose,
    read_consent,
    require_consent,
    write_consent,
)
from evface.privacy.pseudonyms import LinkingFile
from evface.privacy.tombstones import TOMBSTONES, Tombstone, read_tombstones, refuse_withdrawn
from evface.privacy.volume import Volume, volume_of
from evface.privacy.withdrawal import Withdrawal, plan_withdrawal, withdraw

__all__ = [
    "AUDIT",
    "CONSENT",
    "SCOPES",
    "SCOPE_TEXTS",
    "TOMBSTONES",
    "Consent",
    "Entry",
    "LinkingFile",
    "Purpose",
    "Tombstone",
    "Volume",
    "Withdrawal",
    "audit",
    "plan_withdrawal",
    "read_audit",
    "read_consent",
    "read_tombstones",
    "refuse_withdrawn",
    "require_consent",
    "volume_of",
    "withdraw",
    "write_consent",
]
