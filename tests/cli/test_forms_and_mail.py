"""`hub forms` and `hub mail`: what to put into a page, and whether mails go out."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.mail.server import running

CONFIG = """\
store: sqlite:///hub.db
web: {url: "https://hub.example.org"}
connections:
  news:
    type: form
    signature: none
    allow_unsigned: true
    title: {en: News & more, pt: Novidades}
    button: {en: Send, pt: Enviar}
    fields: [{name: emails, label: {en: Email, pt: E-mail}, type: email, required: true}]
    honeypot: homepage
    ORIGINS
    consent: [{field: box, purpose: newsletter, wording: {en: "<b>Yes</b>", pt: Sim}}]
  crm: {type: form, secret: env:FORM_SECRET}
MAIL
"""


def configured(origins: str = "origins: ['https://www.example.org']", mail: str = "") -> None:
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(CONFIG.replace("ORIGINS", origins).replace("MAIL", mail))


def test_the_snippet_is_a_place_and_a_script_with_a_link_for_who_has_none(hub):
    configured()

    answer = hub("forms", "snippet", "news", "--lang", "pt")

    assert answer.out.splitlines() == [
        '<div data-hub-form="news" data-lang="pt"><a href="https://hub.example.org/forms/news?lang=pt">Novidades</a></div>',
        '<script src="https://hub.example.org/forms/news/embed.js" defer></script>',
    ]


def test_the_plain_form_has_every_field_and_the_wording_it_shows(hub):
    configured()
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(value for name, value in attrs if name == "name")

    answer = hub("forms", "snippet", "news", "--html")
    Reader().feed(answer.out)

    assert found == ["form_language", "form_wording", "emails", "homepage", "box"]
    assert "&lt;b&gt;Yes&lt;/b&gt;" in answer.out


@pytest.mark.parametrize(
    ("origins", "args", "said"),
    [
        ("", ("news",), "names no site"),
        ("", ("crm", "--html"), "is signed"),
        ("", ("nowhere",), "nowhere"),
        ("", ("news", "--html", "--lang", "de"), "is not in"),
    ],
)
def test_what_cannot_be_shown_on_a_site_is_said(hub, origins, args, said):
    configured(origins)

    answer = hub("forms", "snippet", *args)

    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_mail_is_tried_out_and_the_list_begins_empty(hub):
    with running() as server:
        configured(mail=f"mail: {{host: 127.0.0.1, port: {server.port}, tls: none, from: hub@example.org}}")

        answer = hub("mail", "test", "ann@example.org")

        assert answer.code == 0, answer.err
        assert "has taken it" in answer.out
        assert server.recipients == ["ann@example.org"]
        server.answers = ["550 no"]
        assert hub("mail", "test", "ann@example.org").code == 2


def test_without_a_mail_server_nothing_is_tried(hub):
    configured()

    answer = hub("mail", "test", "ann@example.org")

    assert answer.code == 2
    assert "No mail server is configured" in answer.err
