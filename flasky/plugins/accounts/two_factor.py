"""The second factor (TOK-06): codes of an authenticator app (TOTP, RFC 6238), and codes for when that is lost."""

from __future__ import annotations

import base64
import hmac
import io
import secrets
from typing import TYPE_CHECKING, NamedTuple

import pyotp
import segno
from pyramid.registry import Registry
from sqlalchemy import delete, func, select, update

from flasky.languages import _
from flasky.plugins.accounts import limits
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import RecoveryCode, SecondFactor, User
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.work import Work
from flasky.security.keys import Signer, derived_keys

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

RECOVERY_CODES = 10
_STEP_SECONDS = 30
#: Codes of the step before and after count as well: clocks differ, and typing takes time (RFC 6238, section 5.2).
_DRIFT = (0, -1, 1)
#: Without characters that are mistaken for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 10


class Enrolment(NamedTuple):
    """What an authenticator app needs: the secret to type, and the same as address and as a QR code (SVG text)."""

    secret: str
    uri: str
    svg: str


def is_on(work: Work, user_id: int) -> bool:
    """Whether the member has a second factor. It only reads."""
    query = select(SecondFactor.user_id).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    return work.db.scalar(query) is not None


def begin(work: Work, user: User) -> Enrolment:
    """Make a secret for the member's app; it counts once `confirm` has seen a code. Raises Refused if they have one."""
    if is_on(work, user.id):
        raise Refused(_("You have a second factor. Remove it before you add another."))
    secret = pyotp.random_base32()
    work.db.merge(SecondFactor(user_id=user.id, secret=_encrypt(work.registry, secret), last_step=0, confirmed_at=None))
    work.db.flush()
    return _enrolment(work, user, secret)


def enrolment(work: Work, user: User) -> Enrolment | None:
    """What `begin` returned, for a page that is shown again; None when nothing was begun. It only reads."""
    row = work.db.get(SecondFactor, user.id)
    if row is None or row.confirmed_at is not None:
        return None
    return _enrolment(work, user, _decrypt(work.registry, row.secret))


def confirm(work: Work, user: User, code: str) -> list[str]:
    """Switch the second factor on with a first code; returns the recovery codes, to be shown once.

    Raises Fault and TooManyTries.
    """
    row = _lock(work, user)
    if row is None or row.confirmed_at is not None or not _take(work, row, code):
        raise _wrong(work, user)
    row.confirmed_at = work.now()
    record(work, Event.SECOND_FACTOR_ON, user.id)
    send_to_member(work, "mail/changed", user, what="second_factor_on")
    return _make_recovery_codes(work, user)


def check(work: Work, user: User, code: str) -> None:
    """Accept a code of the app, or a recovery code, each once. Raises Fault and TooManyTries."""
    row = _lock(work, user)
    if row is None or row.confirmed_at is None or not (_take(work, row, code) or _take_recovery_code(work, user, code)):
        raise _wrong(work, user)


def remove(work: Work, user: User) -> None:
    """Switch the second factor off and forget the recovery codes.

    Whoever's role needs one may do what a User may until they add another (`identity`).
    """
    work.db.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    work.db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    record(work, Event.SECOND_FACTOR_OFF, user.id)
    send_to_member(work, "mail/changed", user, what="second_factor_off")


def new_recovery_codes(work: Work, user: User) -> list[str]:
    """Replace the recovery codes; returns the new ones, to be shown once."""
    record(work, Event.RECOVERY_CODES_MADE, user.id)
    send_to_member(work, "mail/changed", user, what="recovery_codes")
    return _make_recovery_codes(work, user)


def recovery_codes_left(work: Work, user_id: int) -> int:
    """How many recovery codes the member has not used yet. It only reads."""
    query = (
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    )
    return work.db.scalar(query) or 0


def _enrolment(work: Work, user: User, secret: str) -> Enrolment:
    issuer = str(work.settings["accounts.issuer"])
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=issuer)
    drawing = io.BytesIO()
    # Without a style attribute or an XML declaration, so that it can stand in a page (HDR-02).
    segno.make(uri, micro=False).save(
        drawing,
        kind="svg",
        xmldecl=False,
        svgns=False,
        scale=4,
        border=2,
        svgclass="qr",
        lineclass=None,
        omitsize=False,
    )
    return Enrolment(secret, uri, drawing.getvalue().decode())


def _lock(work: Work, user: User) -> SecondFactor | None:
    """The member's second factor. Tries are counted under its lock: many at once are no way around the limit."""
    row = work.db.get(SecondFactor, user.id, with_for_update=True, populate_existing=True)
    limits.check(work, *_counted(user), user_id=user.id)
    return row


def _counted(user: User) -> list[tuple[limits.Limit, str]]:
    return [(limit, str(user.id)) for limit in limits.CODES]


def _take(work: Work, row: SecondFactor, code: str) -> bool:
    """Whether `code` is right for this moment and later than the last one that was taken."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit()):
        return False
    totp = pyotp.TOTP(_decrypt(work.registry, row.secret))
    step = int(work.now().timestamp()) // _STEP_SECONDS
    for drift in _DRIFT:
        expected = totp.generate_otp(step + drift)
        if hmac.compare_digest(expected.encode(), digits.encode()) and step + drift > row.last_step:
            row.last_step = step + drift
            work.db.flush()
            return True
    return False


def _take_recovery_code(work: Work, user: User, code: str) -> bool:
    digest = _digest(work, user, "".join(character for character in code.lower() if character in _ALPHABET))
    used = work.db.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
        .values(used_at=work.now())
        .returning(RecoveryCode.id)
    )
    if used.one_or_none() is None:
        return False
    record(work, Event.RECOVERY_CODE_USED, user.id, left=recovery_codes_left(work, user.id))
    return True


def _make_recovery_codes(work: Work, user: User) -> list[str]:
    work.db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = ["".join(secrets.choice(_ALPHABET) for _position in range(_CODE_LENGTH)) for _code in range(RECOVERY_CODES)]
    work.db.add_all(RecoveryCode(user_id=user.id, digest=_digest(work, user, code)) for code in codes)
    work.db.flush()
    half = _CODE_LENGTH // 2
    return [f"{code[:half]}-{code[half:]}" for code in codes]


def _digest(work: Work, user: User, code: str) -> str:
    # 50 random bits could be searched through in a stolen database, so the fingerprint needs a key from outside it.
    return Signer(work.registry, "accounts.recovery").digest(f"{user.id} {code}")


def _wrong(work: Work, user: User) -> Fault:
    limits.count(work, *_counted(user))
    record(work, Event.CODE_FAILED, user.id)
    return Fault("code", _("This code is wrong or was used already."))


def _encrypt(registry: Registry, secret: str) -> str:
    return _cipher(registry).encrypt(secret.encode()).decode()


def _decrypt(registry: Registry, encrypted: str) -> str:
    return _cipher(registry).decrypt(encrypted.encode()).decode()


def _cipher(registry: Registry) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - loads OpenSSL, needed for second factors

    # A former secret of the site still decrypts while it is being changed.
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(key)) for key in derived_keys(registry, "accounts.second_factor")]
    )
