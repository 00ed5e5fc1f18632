"""Texts of forms in several languages: those of the settings, and what every page says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, TypeAlias

from pydantic import StringConstraints

LANGUAGES = ("en", "pt", "es", "pl")  # that the hub's own words are known in

Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Text: TypeAlias = str | dict[Language, str]
"""One text, in the language of the form; or one for each language."""

TITLE = {"en": "Contact", "pt": "Contacto", "es": "Contacto", "pl": "Kontakt"}
BUTTON = {"en": "Send", "pt": "Enviar", "es": "Enviar", "pl": "Wyślij"}
THANKS = {
    "en": "Thank you. Your message has arrived.",
    "pt": "Obrigado. A sua mensagem chegou.",
    "es": "Gracias. Su mensaje ha llegado.",
    "pl": "Dziękujemy. Wiadomość dotarła.",
}
LABELS = {
    "given_name": {"en": "First name", "pt": "Nome próprio", "es": "Nombre", "pl": "Imię"},
    "family_name": {"en": "Last name", "pt": "Apelido", "es": "Apellidos", "pl": "Nazwisko"},
    "emails": {"en": "Email", "pt": "E-mail", "es": "Correo electrónico", "pl": "E-mail"},
    "phones": {"en": "Phone", "pt": "Telefone", "es": "Teléfono", "pl": "Telefon"},
    "company": {"en": "Company", "pt": "Empresa", "es": "Empresa", "pl": "Firma"},
}

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "required": "required",
            "starred": "Fields marked * are required.",
            "empty": "Please fill this in.",
            "no_email": "This is no email address.",
            "check": "Nothing was sent yet. Please look at the marked fields.",
            "reworded": "Nothing was sent yet. The form has changed meanwhile: please look at it again, then send it.",
            "sending": "Sending …",
            "away": "Nothing was sent: no answer came. Please try again in a moment.",
            "again": "Back to the form",
            "400": "Nothing was stored: what arrived could not be read. Please fill the form in once more.",
            "401": "Nothing was stored: it was not accepted.",
            "403": "Nothing was stored: this form is not used from that page.",
            "408": "Nothing was stored: it took too long to arrive. Please send it again.",
            "413": "Nothing was stored: it is too long. Please shorten the text.",
            "415": "Nothing was stored: this form takes text only.",
            "429": "Nothing was stored: too many came at once. Please send it again in a moment.",
            "503": "Nothing was stored: the hub is busy. Please send it again in a moment.",
            "refused": "Not sent",
            "mailed": "We have sent you a mail. Please open the link in it to confirm your consent.",
            "confirm_title": "Please confirm",
            "confirm_ask": "With the button below you agree:",
            "confirm": "Confirm",
            "confirmed": "Thank you. Your consent is confirmed.",
            "late_title": "This link has expired",
            "late": "Nothing was confirmed. We can send you a new link to the same address.",
            "late_button": "Send a new link",
            "late_sent": "If it was you, a new link is on its way. Please look into your mail in a few minutes.",
            "unknown_title": "This link is not known",
            "unknown": "Nothing was confirmed. Please open the link exactly as it stands in the mail.",
            "mail_subject": "Please confirm: {title}",
            "mail_hello": "Hello,",
            "mail_asked": "on {day} (UTC) this address was entered in the form “{title}”, with the consent:",
            "mail_open": "To confirm it, open this page and choose “Confirm”:",
            "mail_until": "The link works until {day} (UTC).",
            "mail_not_you": "If that was not you, do nothing: without your confirmation nothing will be sent to you.",
        },
        "pt": {
            "required": "obrigatório",
            "starred": "Os campos com * são obrigatórios.",
            "empty": "Preencha este campo.",
            "no_email": "Isto não é um endereço de e-mail.",
            "check": "Ainda nada foi enviado. Verifique os campos assinalados.",
            "reworded": "Ainda nada foi enviado. O formulário mudou entretanto: verifique-o e envie-o de novo.",
            "sending": "A enviar …",
            "away": "Nada foi enviado: não houve resposta. Tente de novo daqui a pouco.",
            "again": "Voltar ao formulário",
            "400": "Nada foi guardado: não foi possível ler o que chegou. Preencha o formulário de novo.",
            "401": "Nada foi guardado: não foi aceite.",
            "403": "Nada foi guardado: este formulário não é usado a partir dessa página.",
            "408": "Nada foi guardado: demorou demasiado a chegar. Envie de novo.",
            "413": "Nada foi guardado: é demasiado longo. Encurte o texto.",
            "415": "Nada foi guardado: este formulário só aceita texto.",
            "429": "Nada foi guardado: chegaram demasiados de uma vez. Envie de novo daqui a pouco.",
            "503": "Nada foi guardado: o sistema está ocupado. Envie de novo daqui a pouco.",
            "refused": "Não enviado",
            "mailed": "Enviámos-lhe um e-mail. Abra a ligação que nele se encontra para confirmar o seu consentimento.",
            "confirm_title": "Confirme, por favor",
            "confirm_ask": "Com o botão abaixo dá o seu acordo:",
            "confirm": "Confirmar",
            "confirmed": "Obrigado. O seu consentimento está confirmado.",
            "late_title": "Esta ligação expirou",
            "late": "Nada foi confirmado. Podemos enviar uma nova ligação para o mesmo endereço.",
            "late_button": "Enviar nova ligação",
            "late_sent": "Se foi o próprio, uma nova ligação está a caminho. Veja o seu e-mail dentro de minutos.",
            "unknown_title": "Esta ligação não é conhecida",
            "unknown": "Nada foi confirmado. Abra a ligação exatamente como está no e-mail.",
            "mail_subject": "Confirme, por favor: {title}",
            "mail_hello": "Olá,",
            "mail_asked": "em {day} (UTC) este endereço foi indicado no formulário «{title}», com o consentimento:",
            "mail_open": "Para o confirmar, abra esta página e escolha «Confirmar»:",
            "mail_until": "A ligação funciona até {day} (UTC).",
            "mail_not_you": "Se não foi o próprio, não faça nada: sem a sua confirmação nada lhe será enviado.",
        },
        "es": {
            "required": "obligatorio",
            "starred": "Los campos con * son obligatorios.",
            "empty": "Rellene este campo.",
            "no_email": "Esto no es una dirección de correo.",
            "check": "Todavía no se ha enviado nada. Revise los campos marcados.",
            "reworded": "Todavía no se ha enviado nada. El formulario ha cambiado: revíselo y envíelo de nuevo.",
            "sending": "Enviando …",
            "away": "No se ha enviado nada: no hubo respuesta. Inténtelo de nuevo dentro de un momento.",
            "again": "Volver al formulario",
            "400": "No se ha guardado nada: no se pudo leer lo recibido. Rellene el formulario de nuevo.",
            "401": "No se ha guardado nada: no se ha aceptado.",
            "403": "No se ha guardado nada: este formulario no se usa desde esa página.",
            "408": "No se ha guardado nada: tardó demasiado en llegar. Envíelo de nuevo.",
            "413": "No se ha guardado nada: es demasiado largo. Acorte el texto.",
            "415": "No se ha guardado nada: este formulario solo acepta texto.",
            "429": "No se ha guardado nada: llegaron demasiados a la vez. Envíelo de nuevo dentro de un momento.",
            "503": "No se ha guardado nada: el sistema está ocupado. Envíelo de nuevo dentro de un momento.",
            "refused": "No enviado",
            "mailed": "Le hemos enviado un correo. Abra el enlace que contiene para confirmar su consentimiento.",
            "confirm_title": "Confirme, por favor",
            "confirm_ask": "Con el botón de abajo usted acepta:",
            "confirm": "Confirmar",
            "confirmed": "Gracias. Su consentimiento está confirmado.",
            "late_title": "Este enlace ha caducado",
            "late": "No se ha confirmado nada. Podemos enviar un enlace nuevo a la misma dirección.",
            "late_button": "Enviar un enlace nuevo",
            "late_sent": "Si fue usted, un enlace nuevo está en camino. Mire su correo dentro de unos minutos.",
            "unknown_title": "Este enlace no se conoce",
            "unknown": "No se ha confirmado nada. Abra el enlace exactamente como está en el correo.",
            "mail_subject": "Confirme, por favor: {title}",
            "mail_hello": "Hola:",
            "mail_asked": "el {day} (UTC) se indicó esta dirección en el formulario «{title}», con el consentimiento:",
            "mail_open": "Para confirmarlo, abra esta página y elija «Confirmar»:",
            "mail_until": "El enlace funciona hasta el {day} (UTC).",
            "mail_not_you": "Si no fue usted, no haga nada: sin su confirmación no se le enviará nada.",
        },
        "pl": {
            "required": "wymagane",
            "starred": "Pola oznaczone * są wymagane.",
            "empty": "Proszę wypełnić to pole.",
            "no_email": "To nie jest adres e-mail.",
            "check": "Jeszcze nic nie wysłano. Proszę sprawdzić zaznaczone pola.",
            "reworded": "Jeszcze nic nie wysłano. Formularz zmienił się: proszę go sprawdzić i wysłać ponownie.",
            "sending": "Wysyłanie …",
            "away": "Nic nie wysłano: brak odpowiedzi. Proszę spróbować za chwilę.",
            "again": "Wróć do formularza",
            "400": "Nic nie zapisano: nie można odczytać tego, co nadeszło. Proszę wypełnić formularz ponownie.",
            "401": "Nic nie zapisano: nie przyjęto.",
            "403": "Nic nie zapisano: ten formularz nie jest używany z tamtej strony.",
            "408": "Nic nie zapisano: trwało to zbyt długo. Proszę wysłać ponownie.",
            "413": "Nic nie zapisano: tekst jest zbyt długi. Proszę go skrócić.",
            "415": "Nic nie zapisano: ten formularz przyjmuje tylko tekst.",
            "429": "Nic nie zapisano: zbyt wiele naraz. Proszę wysłać ponownie za chwilę.",
            "503": "Nic nie zapisano: system jest zajęty. Proszę wysłać ponownie za chwilę.",
            "refused": "Nie wysłano",
            "mailed": "Wysłaliśmy wiadomość e-mail. Proszę otworzyć zawarty w niej odnośnik, aby potwierdzić zgodę.",
            "confirm_title": "Proszę potwierdzić",
            "confirm_ask": "Naciskając przycisk poniżej, wyrażają Państwo zgodę:",
            "confirm": "Potwierdzam",
            "confirmed": "Dziękujemy. Zgoda została potwierdzona.",
            "late_title": "Odnośnik stracił ważność",
            "late": "Niczego nie potwierdzono. Możemy wysłać nowy odnośnik na ten sam adres.",
            "late_button": "Wyślij nowy odnośnik",
            "late_sent": "Jeśli to Państwo, nowy odnośnik jest w drodze. Proszę sprawdzić pocztę za kilka minut.",
            "unknown_title": "Ten odnośnik nie jest znany",
            "unknown": "Niczego nie potwierdzono. Proszę otworzyć odnośnik dokładnie tak, jak jest w wiadomości.",
            "mail_subject": "Proszę potwierdzić: {title}",
            "mail_hello": "Dzień dobry,",
            "mail_asked": "{day} (UTC) podano ten adres w formularzu „{title}” i wyrażono zgodę:",
            "mail_open": "Aby ją potwierdzić, proszę otworzyć tę stronę i wybrać „Potwierdzam”:",
            "mail_until": "Odnośnik działa do {day} (UTC).",
            "mail_not_you": "Jeśli to nie Państwo, proszę nic nie robić: bez potwierdzenia nic nie zostanie wysłane.",
        },
    }
)


def words(language: str) -> Mapping[str, str]:
    """The hub's own words in that language, else in English. A variety such as pt-BR has those of its language."""
    return WORDS.get(language) or WORDS.get(language.partition("-")[0]) or WORDS["en"]


def say(text: Text, language: str) -> str:
    """The text in that language, else in its variety's, in English, in any."""
    if isinstance(text, str):
        return text
    for known in (language, language.partition("-")[0], "en"):
        if known in text:
            return text[known]
    return next(iter(text.values()), "")


def known_in(texts: Iterable[Text], own: str) -> tuple[str, ...]:
    """Languages that every one of the texts is written in, `own` first.

    own  of texts that are in one language only
    """
    found: set[str] | None = None
    for text in texts:
        languages = {own} if isinstance(text, str) else set(text)
        found = languages if found is None else found & languages
    others = sorted((found or set()) - {own}, key=lambda each: (*LANGUAGES, each).index(each))
    return (own, *others)


def preferred(header: str, known: tuple[str, ...]) -> str:
    """Of the languages known, the one an Accept-Language header asks for first; else the first."""
    asked: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            asked.append((-float(quality or 1), name.strip().lower()))
        except ValueError:
            continue
    for _, name in sorted(asked, key=lambda each: each[0]):
        for language in known:
            if language.lower() == name or language.lower().partition("-")[0] == name.partition("-")[0]:
                return language
    return known[0]
