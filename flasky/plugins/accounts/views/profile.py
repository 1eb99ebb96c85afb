"""Profiles: what everybody sees of a member, what the member tells, and their picture."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from wtforms.fields.choices import SelectChoice

from flasky.languages import LANGUAGES, LanguageChosen, _
from flasky.plugins.accounts import people, profile
from flasky.plugins.accounts.errors import Fault, Faults
from flasky.plugins.accounts.forms import PictureForm, ProfileForm
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.views.answers import UNPROCESSABLE, blank, go, refuse, show
from flasky.plugins.accounts.work import work_of

_PICTURE_BODY = profile.LARGEST_UPLOAD + 64 * 1024
_TAKE_PART = "accounts.take_part"


@view_config(
    route_name="accounts.profile",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="accounts/profile.jinja2",
    statements=20,
)
def show_profile(request: Request) -> dict[str, Any]:
    """What everybody may see of a member, and what the other plug-ins add."""
    user = people.find_profile(work_of(request), request.matchdict["username"])
    if user is None:
        raise HTTPNotFound(_("There is no member of this name."))
    identity = request.identity
    return {
        "member": user,
        "about": Markup(user.about_html),  # noqa: S704 - sanitised when it was stored (XSS-01)
        "own": identity is not None and identity.user_id == user.id,
        "may_manage": identity is not None and "accounts.manage_people" in identity.permissions,
    }


@view_config(route_name="accounts.edit_profile", request_method="GET", permission=_TAKE_PART, statements=2)
def show_edit(request: Request) -> Response:
    """The forms for one's own profile."""
    user = _own(request)
    return _editing(request, user, _form(request, user), PictureForm(request))


@view_config(
    route_name="accounts.edit_profile",
    request_method="POST",
    permission=_TAKE_PART,
    files=("avatar",),
    max_body=_PICTURE_BODY,
)
def edit(request: Request) -> Response:
    """Store what the form says: the texts, a picture, or that there is none."""
    user = _own(request)
    action = request.POST.get("action", "")
    return {"picture": _take_picture, "no_picture": _forget_picture}.get(action, _take_texts)(request, user)


@view_config(route_name="accounts.avatar", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=2)
def show_avatar(request: Request) -> Response:
    """A member's picture: the uploaded one, or the one drawn from their name; where there is a profile to see."""
    user_id = int(request.matchdict["user_id"])
    picture = profile.find_picture(work_of(request), user_id)
    is_public = picture is not None and picture.has_profile
    if picture is None or not (is_public or _may_see_without_profile(request, user_id)):
        raise HTTPNotFound
    response = _image_of(picture)
    # Opened by itself it is no page of this site: it runs nothing and has no origin (XSS-04).
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if is_public:
        # Not for ever: a member who has the picture taken away wants it gone. Any other is kept nowhere: it was asked
        # who is there (HDR-07).
        response.headers["Cache-Control"] = "public, max-age=300"
    response.md5_etag()
    response.conditional_response = True
    return response


def keep_language(event: LanguageChosen) -> None:
    """Keep the language that a member chose in the footer, for their mails too."""
    user = event.request.user
    if user is not None:
        user.language = event.language


def _may_see_without_profile(request: Request, user_id: int) -> bool:
    """Whether whoever asks is the member, or looks after members: their pages show the picture without a profile."""
    identity = request.identity
    return identity is not None and (identity.user_id == user_id or "accounts.manage_people" in identity.permissions)


def _image_of(picture: profile.Picture) -> Response:
    if picture.image is not None:
        return Response(picture.image, content_type=picture.media_type)
    # As plain text: markup would escape what is put in.
    drawing = str(profile.drawn_avatar(picture.username, 256)).replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
    )
    return Response(drawing.encode(), content_type="image/svg+xml")


def _own(request: Request) -> User:
    """The member whose page it is, if that is who asks; others are told nothing else than of a page that is not."""
    user: User | None = people.find(work_of(request), request.matchdict["username"])
    if user is None or user.id != request.identity.user_id:
        raise HTTPNotFound
    return user


def _form(request: Request, user: User) -> ProfileForm:
    form = ProfileForm(request)
    # What is stored, also in the answer to a request that posted a picture.
    stored = {
        "name": user.name,
        "location": user.location,
        "about": user.about_source,
        "language": user.language or "",
        "timezone": user.timezone or "",
    }
    form.process(data=stored)
    _offer_choices(request, form)
    return form


def _offer_choices(request: Request, form: ProfileForm) -> None:
    unset = SelectChoice("", request.localizer.translate(_("The browser's")))
    form.language.choices = [unset, *(SelectChoice(code, name) for code, name in LANGUAGES.items())]
    form.timezone.choices = [unset, *map(SelectChoice, sorted(profile.timezones()))]


def _take_texts(request: Request, user: User) -> Response:
    form = ProfileForm(request)
    _offer_choices(request, form)
    if form.validate():
        try:
            profile.update(
                work_of(request),
                user,
                name=form.name.data or "",
                location=form.location.data or "",
                about=form.about.data or "",
                language=form.language.data or "",
                timezone=form.timezone.data or "",
            )
        except Faults as faults:
            refuse(request, form, faults)
        else:
            request.flash(_("Your profile is stored."), "success")
            return _to_profile(request, user)
    return _editing(request, user, form, blank(PictureForm, request), UNPROCESSABLE)


def _take_picture(request: Request, user: User) -> Response:
    form = PictureForm(request)
    if form.validate():
        try:
            profile.set_avatar(work_of(request), user, form.avatar.data.file)
        except Fault as fault:
            refuse(request, form, fault)
        else:
            request.flash(_("Your picture is stored."), "success")
            return _to_profile(request, user)
    return _editing(request, user, _form(request, user), form, UNPROCESSABLE)


def _forget_picture(request: Request, user: User) -> Response:
    profile.remove_avatar(work_of(request), user)
    request.flash(_("Your picture is removed."), "success")
    return _to_profile(request, user)


def _to_profile(request: Request, user: User) -> Response:
    return go(request, "accounts.profile", username=user.username)


def _editing(request: Request, user: User, form: ProfileForm, picture: PictureForm, status: int = 200) -> Response:
    return show(request, "edit_profile", {"member": user, "form": form, "picture_form": picture}, status)
