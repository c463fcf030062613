"""Names of the ledger entries of backups. History, never orders; once used a name does not change."""

from enum import StrEnum


class BackupEvent(StrEnum):
    BACKUP_REQUESTED = "backups.backup.requested"
    BACKUP_MADE = "backups.backup.made"
    BACKUP_FAILED = "backups.backup.failed"
    BACKUP_EXPIRED = "backups.backup.expired"
    RESTORE_STARTED = "backups.restore.started"
    DRILL_REQUESTED = "backups.drill.requested"
    DRILL_STARTED = "backups.drill.started"
    DRILL_RUN = "backups.drill.run"
