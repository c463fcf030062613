"""Checkpoints in a bucket with object lock: nobody deletes or replaces them before their time, whoever's key they hold.

    s3://bucket/prefix?days=2557&region=eu-west-2&endpoint=https://s3.example.org

days: how long each object stays locked (COMPLIANCE mode). Credentials come from where S3 clients look for them:
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's own role. Needs requirements/s3.txt.
"""

import importlib
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult

from audit.anchors.file import Anchored
from audit.anchors.options import number, only, words_of
from audit.errors import AnchorFailed, AnchorUnknown

_LOCK = "COMPLIANCE"
_DAYS = 2557  # seven years
_SECONDS = 10


class NotLocked(Exception):
    """The store took the object and did not lock it: its bucket was made without object lock."""


class ClientMissing(Exception):
    """The library that speaks to S3 is not installed."""


@dataclass(frozen=True)
class Bucket:
    bucket: str
    prefix: str
    keep: timedelta
    region: str | None = None
    endpoint: str | None = None
    every: timedelta = field(default=timedelta(0))

    @classmethod
    def at(cls, address: SplitResult) -> "Bucket":
        """Raises AnchorUnknown."""
        options = words_of(address)
        only(options, {"days", "region", "endpoint"})
        if not address.netloc or "@" in address.netloc:
            raise AnchorUnknown("An anchor at S3 is written s3://bucket/prefix, without credentials.")
        return cls(
            bucket=address.netloc,
            prefix=address.path.strip("/"),
            keep=timedelta(days=number(options, "days", _DAYS, least=1)),
            region=options.get("region"),
            endpoint=options.get("endpoint"),
        )

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def take(self, kept: Anchored) -> None:
        """Put the note and make sure that it was locked. Raises AnchorFailed."""
        try:
            self._put(kept)
        except ClientMissing as error:
            raise AnchorFailed("requirements/s3.txt is not installed, so no checkpoint can go to S3.") from error
        except NotLocked as error:
            raise AnchorFailed("The bucket took the checkpoint and did not lock it.") from error
        except _failures() as error:
            raise AnchorFailed("The bucket did not take the checkpoint.") from error

    def _put(self, kept: Anchored) -> None:
        key = "/".join(filter(None, [self.prefix, str(kept.organisation_id), _file_name(kept)]))
        put = self._client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=kept.note.encode(),
            ContentType="text/plain; charset=utf-8",
            ChecksumAlgorithm="SHA256",
            ObjectLockMode=_LOCK,
            ObjectLockRetainUntilDate=kept.signed_at + self.keep,
        )
        version = {"VersionId": put["VersionId"]} if put.get("VersionId") else {}
        if self._client.head_object(Bucket=self.bucket, Key=key, **version).get("ObjectLockMode") != _LOCK:
            raise NotLocked

    @cached_property
    def _client(self) -> Any:
        try:
            boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
        except ImportError as error:
            raise ClientMissing from error
        return boto3.client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=config.Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 2}),
        )


def _failures() -> tuple[type[Exception], ...]:
    try:
        errors = importlib.import_module("botocore.exceptions")
    except ImportError:
        return ()
    return (errors.BotoCoreError, errors.ClientError)


def _file_name(kept: Anchored) -> str:
    """Sorts by size; a marker stands behind the checkpoint after which the ledger goes on."""
    kind = "restored" if kept.restored else "checkpoint"
    return f"{kept.size:020d}-{kind}-{kept.signed_at:%Y%m%dT%H%M%S%fZ}.txt"
