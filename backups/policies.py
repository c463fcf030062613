"""Who may see backups and who may start them. Restoring is an operator's work at the server, never a page's."""

from access.policies import Permission, Policy
from access.roles import Role


class BackupPermission(Permission):
    READ = "backups.backup.read"
    RUN = "backups.backup.run"


policy = Policy(
    "backups",
    permissions=BackupPermission,
    grants={
        Role.ADMINISTRATOR: {BackupPermission.READ, BackupPermission.RUN},
        Role.REGISTERED_MANAGER: {BackupPermission.READ},
        Role.SYSTEM: {BackupPermission.READ, BackupPermission.RUN},
    },
)
