"""Declaring mails: each has a sample, both templates, and can be looked at in every language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError
from pyramid.interfaces import IRoutesMapper
from pyramid.urldispatch import RoutesMapper

from flasky.languages import _
from flasky.mail.addresses import split_sender
from flasky.mail.declarations import DeclaredMail, UndeclaredMail, add_mail, declared_mail, declared_mails
from flasky.mail.rendering import check_templates
from flasky.settings import KERNEL_SETTINGS, ConfigurationFaults
from flasky.testing.mails import assert_every_mail_renders


def test_every_mail_of_the_site_renders_in_every_language(bare_app) -> None:
    assert_every_mail_renders(bare_app.registry)


def test_the_kernel_s_own_mail_is_declared(bare_app) -> None:
    assert "mail/test" in [mail.template for mail in declared_mails(bare_app.registry)]


def test_an_undeclared_mail_says_what_to_do(bare_app) -> None:
    with pytest.raises(UndeclaredMail, match=r"config\.add_mail\('mail/none', subject, sample="):
        declared_mail(bare_app.registry, "mail/none")


def test_a_mail_without_a_sample_cannot_be_declared() -> None:
    with Configurator() as config:
        config.add_directive("add_mail", add_mail)
        with pytest.raises(TypeError, match="sample"):
            config.add_mail("mail/x", "Hello")


def test_a_sample_can_be_a_function_or_its_name() -> None:
    config = Configurator()
    config.add_directive("add_mail", add_mail)
    config.add_mail("mail/a", "Hello", sample=lambda: {"name": "Ann"})
    config.add_mail("mail/b", "Hello", sample="builtins.dict")
    config.commit()
    assert [mail.sample_values() for mail in declared_mails(config.registry)] == [{"name": "Ann"}, {}]


def test_two_plug_ins_cannot_declare_the_same_mail() -> None:
    config = Configurator()
    config.add_directive("add_mail", add_mail)
    config.include(lambda inner: inner.add_mail("mail/a", "Hello", sample={}), route_prefix="one")
    config.include(_second)
    with pytest.raises(ConfigurationConflictError, match=r"mail/a"):
        config.commit()


def _second(config: Configurator) -> None:
    config.add_mail("mail/a", "Hello", sample={})


@pytest.fixture
def site_with(make_app, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site with one more mail, whose templates are written by the test."""

    def make(sample: dict[str, Any], subject: str = "Hello", **parts: str) -> Any:
        folder = tmp_path / "templates" / "mail"
        folder.mkdir(parents=True)
        for suffix, source in parts.items():
            (folder / f"own.{suffix}").write_text(source, encoding="utf-8")

        monkeypatch.setattr("sample_mails.FOLDER", folder.parent)
        monkeypatch.setattr("sample_mails.DECLARED", [("mail/own", subject, sample)])
        return make_app(pyramid__includes="sample_mails")

    return make


def test_a_mail_without_one_of_its_templates_keeps_the_site_from_starting(site_with) -> None:
    with pytest.raises(ConfigurationFaults, match=r"'mail/own'.*no enabled plug-in has the template 'mail/own.html'"):
        site_with({}, txt="Hello")


def test_a_mail_that_does_not_compile_keeps_the_site_from_starting(site_with) -> None:
    with pytest.raises(ConfigurationFaults, match=r"mail/own\.txt, line 2: the template does not compile"):
        site_with({}, txt="Hello\n{% if %}", html="x")


@pytest.mark.parametrize(
    ("route", "sample", "problem"),
    [
        ("blog.unsubscrib", {}, "no enabled plug-in has a route of this name"),
        ("sample.stop", {"tokn": "x"}, "the route needs 'token', which the sample does not have"),
    ],
)
def test_a_mail_that_cannot_be_stopped_as_it_says_is_a_fault(
    bare_app, monkeypatch: pytest.MonkeyPatch, route: str, sample: dict[str, Any], problem: str
) -> None:
    """It was a KeyError when the first real mail was sent."""
    registry = bare_app.registry
    mapper = RoutesMapper()
    mapper.connect("sample.stop", "/stop/{token}")
    declared = {"mail/test": DeclaredMail("mail/test", "Hello", sample, "sample", route)}
    monkeypatch.setitem(registry, "flasky.mails", declared)
    monkeypatch.setattr(registry.getUtility(IRoutesMapper), "routes", mapper.routes)
    [fault] = check_templates(registry)
    assert (fault.where, fault.problem) == (f"the mail 'mail/test' of sample, unsubscribe={route!r}", problem)
    declared["mail/test"] = DeclaredMail("mail/test", "Hello", {"token": "x"}, "sample", "sample.stop")
    assert check_templates(registry) == []


def test_a_sample_that_lacks_a_value_fails_the_check(site_with) -> None:
    app = site_with({}, txt="{{ name }}", html="x", subject=_("Hello, ${name}"))
    with pytest.raises(AssertionError, match=r"mail/own of .* in en: UndefinedError: 'name' is undefined"):
        assert_every_mail_renders(app.registry)


def test_a_subject_that_lacks_a_value_fails_the_check(site_with) -> None:
    app = site_with({}, txt="x", html="x", subject=_("Hello, ${name}"))
    with pytest.raises(AssertionError, match=r"lacks a value of the subject"):
        assert_every_mail_renders(app.registry)


def test_a_template_that_nobody_declared_fails_the_check(site_with, tmp_path: Path) -> None:
    app = site_with({}, txt="x", html="x")
    (tmp_path / "templates" / "mail" / "forgotten.txt").write_text("x", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"mail/forgotten of .* is not declared"):
        assert_every_mail_renders(app.registry)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("flasky__mail_sender", "ünï@example.com"), ("flasky__admin", '"a b"@example.com')],
)
def test_an_address_of_the_site_that_cannot_be_used_is_told_at_start(make_app, setting: str, value: str) -> None:
    with pytest.raises(ConfigurationFaults, match=setting.replace("__", ".")) as caught:
        make_app(**{setting: value})
    assert len(caught.value.faults) == 1


def test_the_declared_sender_can_be_used() -> None:
    """A start does not look at it."""
    [sender] = [setting for setting in KERNEL_SETTINGS if setting.name == "flasky.mail_sender"]
    assert split_sender(sender.default) == ("Flasky Admin", "flasky@example.com")


def test_a_folder_of_templates_that_is_not_there_is_one_fault(make_app) -> None:
    """The test mail was blamed, too, in both its parts."""
    with pytest.raises(ConfigurationFaults, match=r"flasky\.templates: expected a folder that is there") as caught:
        make_app(flasky__templates="/nonexistent")
    assert len(caught.value.faults) == 1
