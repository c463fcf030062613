"""Verifying one entry while somebody looks on: from its own row up to a checkpoint that was signed."""

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from audit import notes, signing
from audit.canonical import GENESIS, commitment, leaf, link
from audit.entries import body_of
from audit.models import Checkpoint, Event, Seal
from audit.verification import ERASURE


@dataclass(frozen=True, slots=True)
class Step:
    """ok: None where there is nothing to hold it against yet."""

    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class Proof:
    steps: tuple[Step, ...]

    @property
    def broken(self) -> bool:
        return any(step.ok is False for step in self.steps)

    @property
    def whole(self) -> bool:
        return all(step.ok for step in self.steps)


def seal_of(event: Event) -> Seal | None:
    return Seal.objects.filter(organisation_id=event.organisation_id, event_id=event.pk, at=event.at).first()


def covering_checkpoint(seal: Seal) -> Checkpoint | None:
    """The first checkpoint that was signed over this entry."""
    return Checkpoint.objects.filter(organisation_id=seal.organisation_id, size__gte=seal.seq).order_by("size").first()


def prove(event: Event) -> Proof:
    """Recompute what can be recomputed about one entry.

    Cannot see other entries: that the chain between this one and the checkpoint holds is for the verifier to say, which
    goes over all of them.
    """
    seal = seal_of(event)
    if seal is None:
        return Proof((Step(False, _("The entry has no seal: the application never sealed it.")),))
    return Proof((_bytes(event, seal), _details(event), _link(seal), *_signed(seal)))


def _bytes(event: Event, seal: Seal) -> Step:
    body = replace(body_of(event), seq=seal.seq, version=seal.version, sealed_at=seal.sealed_at)
    try:
        same = leaf(body) == bytes(seal.leaf)
    except ValueError:
        return Step(False, _("The entry is of a version that this program does not know."))
    if same:
        return Step(True, _("What the entry says gives exactly the fingerprint that was sealed."))
    return Step(False, _("What the entry says does not give the fingerprint that was sealed: it was altered."))


def _details(event: Event) -> Step:
    if event.detail is None or event.salt is None:
        if _erasure_is_sealed(event):
            return Step(True, _("Its details were erased; the entry itself is proved without them."))
        return Step(False, _("Its details were taken out, and no erasure was sealed that may do so."))
    if commitment(bytes(event.salt), bytes(event.detail)) == bytes(event.commitment):
        return Step(True, _("Its details are the ones that were sealed."))
    return Step(False, _("Its details are not the ones that were sealed."))


def _erasure_is_sealed(event: Event) -> bool:
    if len(event.residents) != 1 or event.detail is not None or event.salt is not None:
        return False
    erasures = Event.objects.filter(
        organisation_id=event.organisation_id, subject=f"resident:{event.residents[0]}", action=ERASURE
    ).values_list("pk", flat=True)
    return Seal.objects.filter(organisation_id=event.organisation_id, event_id__in=list(erasures)).exists()


def _link(seal: Seal) -> Step:
    before = GENESIS
    if seal.seq > 1:
        previous = Seal.objects.filter(organisation_id=seal.organisation_id, seq=seal.seq - 1).first()
        if previous is None:
            return Step(False, _("The entry before it is missing."))
        before = bytes(previous.digest)
    if link(before, bytes(seal.leaf)) == bytes(seal.digest):
        return Step(True, _("It follows from the entry before it."))
    return Step(False, _("It does not follow from the entry before it."))


def _signed(seal: Seal) -> tuple[Step, ...]:
    checkpoint = covering_checkpoint(seal)
    if checkpoint is None:
        return (Step(None, _("No checkpoint has been signed over it yet. That happens within a minute.")),)
    try:
        body = signing.keyring().checkpoint(checkpoint.note, seal.organisation_id, signing.verify)
    except notes.NoteError:
        return (Step(False, _("The signature of the checkpoint over it does not hold.")),)
    last = Seal.objects.filter(organisation_id=seal.organisation_id, seq=body.size).first()
    words = {"size": f"{body.size:,}"}
    if body.size < seal.seq or last is None or bytes(last.digest) != body.digest:
        return (Step(False, _("The checkpoint of %(size)s entries signed another chain.") % words),)
    return (Step(True, _("A checkpoint of %(size)s entries, signed with our key, ends this chain.") % words),)
