"""What people usually call the fields of a contact form, in English, Portuguese, Spanish and Polish. Pure.

A field with such a label is found under the name of the canonical field as well, so that it maps by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from anyascii import anyascii

_USUAL = {
    "given_name": """first_name firstname fname given_name forename name_first your_first_name primeiro_nome
        nome_proprio nombre_de_pila primer_nombre imie""",
    "family_name": """last_name lastname lname surname family_name name_last your_last_name apelido apelidos
        sobrenome ultimo_nome apellido apellidos primer_apellido nazwisko""",
    "full_name": """full_name fullname your_name your_full_name contact_name nome_completo nome_e_apelido
        nome_e_sobrenome nombre_completo nombre_y_apellidos imie_i_nazwisko""",
    "emails": """email e_mail email_address e_mail_address your_email your_e_mail mail work_email business_email
        endereco_de_email endereco_de_e_mail correo correo_electronico correo_e adres_email adres_e_mail
        poczta_elektroniczna""",
    "phones": """phone phone_number telephone telephone_number mobile mobile_phone mobile_number cell cell_phone tel
        your_phone telefone telemovel celular numero_de_telefone contacto_telefonico telefono movil telefono_movil
        numero_de_telefono telefon numer_telefonu nr_telefonu telefon_komorkowy""",
    "company": """company company_name organisation organization business business_name your_company empresa
        nome_da_empresa nombre_de_la_empresa organizacao organizacion compania firma nazwa_firmy""",
    "job_title": "job_title position your_position cargo puesto stanowisko",
    "note": """message your_message comment comments enquiry inquiry mensagem mensaje comentario comentarios wiadomosc
        tresc_wiadomosci""",
    "street": """street street_address address_line_1 address_addr_line1 morada rua calle direccion endereco ulica
        ulica_i_numer""",
    "city": "city town address_city cidade localidade ciudad poblacion miasto miejscowosc",
    "postcode": """postcode postal_code zip zip_code address_postal codigo_postal cep kod_pocztowy""",
    "region": "region state province address_state distrito provincia wojewodztwo",
    "country": "country address_country pais kraj",
    "website": "website your_website homepage web_site pagina_web sitio_web strona_internetowa strona_www",
    "newsletter": "newsletter newsletter_signup subscribe boletim boletin subscrever suscribirme biuletyn",
    "consent": """consent i_agree i_consent marketing_consent gdpr_consent consentimento aceito concordo autorizo
        consentimiento acepto zgoda wyrazam_zgode zgoda_marketingowa""",
}
_LABELS = {label: name for name, labels in _USUAL.items() for label in labels.split()}
_NAME = frozenset({"name", "nome", "nombre"})  # the first name where another field asks for the last one
_KINDS = {"email": "emails", "phone": "phones", "url": "website"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")
_NUMBER = re.compile(r"_\d+$")


def usual_names(answers: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Canonical name → name of the field that holds it.

    answers  of each field that was filled in: its name, its label, and what the vendor says it is (may be empty)
    """
    found: dict[str, str] = {}
    bare: list[str] = []
    kinds: dict[str, str] = {}
    for name, label, kind in answers:
        usual = _usual(label)
        if usual in _NAME:
            bare.append(name)
        elif usual:
            found.setdefault(usual, name)
        elif kind in _KINDS:
            kinds.setdefault(_KINDS[kind], name)
    if bare and "full_name" not in found and "given_name" not in found:
        found["given_name" if "family_name" in found else "full_name"] = bare[0]
    return kinds | found


def _usual(label: str) -> str:
    plain = _BETWEEN.sub("_", anyascii(_HUMP.sub("_", label)).lower()).strip("_")
    for text in (plain, _NUMBER.sub("", plain)):
        if text in _NAME:
            return text
        if text in _LABELS:
            return _LABELS[text]
    return ""
