from backups.services.drills import request_drill, run_drill
from backups.services.expiry import expire_sets
from backups.services.making import make_backup, request_backup
from backups.services.restores import restore_set

__all__ = ["expire_sets", "make_backup", "request_backup", "request_drill", "restore_set", "run_drill"]
