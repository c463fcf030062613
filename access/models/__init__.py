from access.models.api_token import ApiToken, IdempotencyRecord
from access.models.base import TenantModel
from access.models.data_key import DataKey
from access.models.device import Device
from access.models.organisation import CareHome, Directory, Organisation
from access.models.session import Session
from access.models.staff import CareHomeGrant, Grant, RoleHolding, Staff

__all__ = [
    "ApiToken",
    "CareHome",
    "CareHomeGrant",
    "DataKey",
    "Device",
    "Directory",
    "Grant",
    "IdempotencyRecord",
    "Organisation",
    "RoleHolding",
    "Session",
    "Staff",
    "TenantModel",
]
