"""The forms of this plug-in. The services decide what is good; a form only knows what a browser can tell by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wtforms import BooleanField, Field, FileField, HiddenField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import EqualTo, InputRequired, Optional, ValidationError

from flasky.forms import RequestForm, length
from flasky.languages import _
from flasky.plugins.accounts.emptying import LONGEST_REASON
from flasky.plugins.accounts.models import LONGEST_LOCATION, LONGEST_NAME, LONGEST_ROLE_NAME
from flasky.plugins.accounts.profile import LONGEST_ABOUT
from flasky.plugins.accounts.usernames import LONGEST_USERNAME

_LONGEST_ADDRESS = 254
_LONGEST_CODE = 64
_LONGEST_DESCRIPTION = 255

#: A name that NFKC makes shorter may be typed longer: the service measures what remains.
_TYPED_USERNAME = 4 * LONGEST_USERNAME


def blame(form: RequestForm, reasons: Mapping[str, Any]) -> None:
    """Put what a service refused beside the fields, and the focus on the first of them."""
    for name, reason in reasons.items():
        form[name].errors = [reason]
    first = next(field for field in form if field.errors)
    first.render_kw = {**(first.render_kw or {}), "autofocus": True}


def _needed() -> InputRequired:
    # The message is ours, as WTForms' own has no Chinese of the site's wording. Blanks count: a password may be one.
    return InputRequired(_("Fill in this field."))


class _FileNeeded:
    """A validator. WTForms' own asks an uploaded file whether it is true, which it refuses to answer."""

    field_flags: ClassVar[Mapping[str, bool]] = {"required": True}

    def __call__(self, _form: RequestForm, field: Field) -> None:
        if not hasattr(field.data, "file"):
            raise ValidationError(_("Choose a picture."))


def _address() -> StringField:
    attributes = {"type": "email", "autocomplete": "email"}
    return StringField(_("Mail address"), [_needed(), length(_LONGEST_ADDRESS)], render_kw=attributes)


def _new_password(label: Any) -> PasswordField:
    return PasswordField(label, [_needed()], render_kw={"autocomplete": "new-password"})


def _confirmation() -> PasswordField:
    same = EqualTo("password", _("The two passwords differ."))
    attributes = {"autocomplete": "new-password"}
    return PasswordField(_("The same password again"), [_needed(), same], render_kw=attributes)


def _own_password(label: Any) -> PasswordField:
    return PasswordField(label, [_needed()], render_kw={"autocomplete": "current-password"})


class RegisterForm(RequestForm):
    """Joining."""

    username = StringField(
        _("Name"),
        [_needed(), length(_TYPED_USERNAME)],
        description=_("Everybody sees it. Letters of any language, blanks and signs are fine."),
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    email = _address()
    password = _new_password(_("Password"))
    password_confirm = _confirmation()
    invitation = HiddenField()


class LoginForm(RequestForm):
    """Signing in."""

    login = StringField(
        _("Name or address"),
        [_needed(), length(_LONGEST_ADDRESS)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = _own_password(_("Password"))
    remember_me = BooleanField(_("Stay signed in on this device"))


class LinkForm(RequestForm):
    """Asking for a link to sign in with."""

    login = StringField(
        _("Name or address"), [_needed(), length(_LONGEST_ADDRESS)], render_kw={"autocomplete": "username"}
    )


class CodeForm(RequestForm):
    """A code of the second factor."""

    code = StringField(
        _("Code"),
        [_needed(), length(_LONGEST_CODE)],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"},
    )


class ProveForm(RequestForm):
    """The password again."""

    password = _own_password(_("Your password"))


class AddressForm(RequestForm):
    """An address to which something is mailed."""

    email = _address()


class ResetForm(RequestForm):
    """A new password."""

    password = _new_password(_("New password"))
    password_confirm = _confirmation()


class ChangePasswordForm(RequestForm):
    """A new password for somebody who knows the old one."""

    old_password = _own_password(_("Your present password"))
    password = _new_password(_("New password"))
    password_confirm = _confirmation()


class ChangeAddressForm(RequestForm):
    """A new address."""

    email = _address()
    password = _own_password(_("Your password"))


class ProfileForm(RequestForm):
    """What a member tells about themselves."""

    name = StringField(_("Full name"), [Optional(), length(LONGEST_NAME)], render_kw={"autocomplete": "name"})
    location = StringField(_("Location"), [Optional(), length(LONGEST_LOCATION)])
    about = TextAreaField(
        _("About you"),
        [Optional(), length(LONGEST_ABOUT)],
        description=_("Markdown, for example *important* or [a link](https://example.com)."),
        render_kw={"rows": 5},
    )
    language = SelectField(_("Language"), [Optional()], validate_choice=False)
    timezone = SelectField(_("Time zone"), [Optional()], validate_choice=False)


class PictureForm(RequestForm):
    """A picture of oneself."""

    avatar = FileField(
        _("Picture"),
        [_FileNeeded()],
        description=_("PNG, JPEG, WebP or GIF, at most 1 MiB."),
        render_kw={"accept": "image/png,image/jpeg,image/webp,image/gif"},
    )


class EmptyingForm(RequestForm):
    """What is taken away from a profile (`emptying.PARTS`), why, and what it held when this was decided."""

    seen = HiddenField()
    name = BooleanField(_("Full name"), default=True)
    location = BooleanField(_("Location"), default=True)
    about = BooleanField(_("About"), default=True)
    picture = BooleanField(_("Picture"), default=True)
    reason = TextAreaField(
        _("Reason"),
        [_needed(), length(LONGEST_REASON)],
        description=_("The member reads this."),
        render_kw={"rows": 3, "dir": "auto"},
    )


class RoleForm(RequestForm):
    """A new role."""

    name = StringField(_("Name of the role"), [_needed(), length(LONGEST_ROLE_NAME)])
    description = StringField(_("Description"), [Optional(), length(_LONGEST_DESCRIPTION)])
    like = SelectField(_("May do what this role may do"), [Optional()], validate_choice=False)


class InviteForm(RequestForm):
    """Somebody to invite."""

    email = _address()
