"""Made-up people and companies of six countries, the same ones every time."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import product

from anyascii import anyascii
from stdnum import get_cc_module

GIVEN = {
    "PT": ["Ana", "João", "Inês", "Gonçalo", "Beatriz", "Tomás", "Conceição", "Rui"],
    "ES": ["Lucía", "Íñigo", "Carmen", "Álvaro", "Begoña", "Andrés", "Nuria", "José Luis"],
    "PL": ["Łucja", "Paweł", "Agnieszka", "Michał", "Małgorzata", "Krzysztof", "Ewa", "Wojciech"],
    "BR": ["Thaís", "Caio", "Luíza", "Antônio", "Flávia", "Otávio", "Jussara", "Davi"],
    "DE": ["Jörg", "Käthe", "Sören", "Ursula", "Günther", "Anneliese", "Björn", "Heike"],
    "FR": ["Chloé", "François", "Hélène", "Noël", "Aurélie", "Benoît", "Maëlle", "Jérôme"],
}
FAMILY = {
    "PT": ["Magalhães", "Conceição Pinto", "Araújo", "Simões", "Vaz", "Leitão", "Quintão", "Brandão"],
    "ES": ["Núñez Peña", "Ibáñez", "Echevarría", "Muñoz Gil", "Vázquez", "Cañizares", "Ordóñez", "Rojo"],
    "PL": ["Wiśniewska", "Żak", "Dąbrowski", "Szczęsny", "Kołodziej", "Jabłońska", "Gąsior", "Wróbel"],
    "BR": ["Gusmão", "Brandão Lima", "Assunção", "Tupinambá", "Falcão", "Moura", "Queirós", "Sá"],
    "DE": ["Größler", "Schäfer-Vogt", "Müßig", "Krähenbühl", "Jäger", "Österreicher", "Weiß", "Brüning"],
    "FR": ["Lefèvre", "D'Aubigné", "Bérenger", "Gonçalvès", "Maître", "Rougé", "Sauvêtre", "Têtu"],
}
COMPANY = {
    "PT": ("Cortiças {} Lda", "Metalúrgica {} S.A."),
    "ES": ("Talleres {} S.L.", "Conservas {} S.A."),
    "PL": ("Hurtownia {} sp. z o.o.", "Meble {} S.A."),
    "BR": ("Comércio {} Ltda", "Laticínios {} S.A."),
    "DE": ("Werkzeugbau {} GmbH", "{} & Söhne KG"),
    "FR": ("Menuiserie {} SARL", "Imprimerie {} SAS"),
}
PLACES = {  # street, postcode, city, region
    "PT": [
        ("Rua das Flores", "4050-262", "Porto", "Porto"),
        ("Avenida da Índia", "1300-300", "Lisboa", "Lisboa"),
    ],
    "ES": [
        ("Calle Mayor", "28013", "Madrid", "Madrid"),
        ("Carrer de Sants", "08014", "Barcelona", "Barcelona"),
    ],
    "PL": [
        ("ul. Długa", "31-147", "Kraków", "Małopolskie"),
        ("ul. Święty Marcin", "61-805", "Poznań", "Wielkopolskie"),
    ],
    "BR": [
        ("Rua Augusta", "01304-001", "São Paulo", "São Paulo"),
        ("Rua da Bahia", "30160-011", "Belo Horizonte", "Minas Gerais"),
    ],
    "DE": [
        ("Königsallee", "40212", "Düsseldorf", "Nordrhein-Westfalen"),
        ("Große Bleichen", "20354", "Hamburg", "Hamburg"),
    ],
    "FR": [
        ("rue de la République", "69002", "Lyon", "Rhône"),
        ("allée des Tanneurs", "44000", "Nantes", "Loire-Atlantique"),
    ],
}
MOBILE = {
    "PT": "+35191{:07d}",
    "ES": "+3465{:07d}",
    "PL": "+4851{:07d}",
    "BR": "+551197{:07d}",
    "DE": "+4915112{:06d}",
    "FR": "+33612{:06d}",
}
LANDLINE = {
    "PT": "+351222{:06d}",
    "ES": "+34912{:06d}",
    "PL": "+4812{:07d}",
    "BR": "+55112{:07d}",
    "DE": "+49402{:06d}",
    "FR": "+33472{:06d}",
}
COUNTRY_NAMES = {
    "PT": "Portugal",
    "ES": "Spain",
    "PL": "Poland",
    "BR": "Brazil",
    "DE": "Germany",
    "FR": "France",
}
LANGUAGES = {"PT": "pt", "ES": "es", "PL": "pl", "BR": "pt", "DE": "de", "FR": "fr"}


@dataclass(frozen=True, slots=True)
class Contact:
    """A made-up person, or a company (`given` is empty then)."""

    number: int
    country: str
    given: str
    family: str
    company: str
    email: str
    mobile: str
    landline: str
    street: str
    postcode: str
    city: str
    region: str
    tax_id: str
    tax_type: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}" if self.given else self.company


def people(count: int) -> list[Contact]:
    """`count` different contacts, one company for every four people; the first are the same for any count."""
    return [_contact(number) for number in range(count)]


def shouted(contact: Contact) -> Contact:
    """The same contact as an old system or a hasty clerk writes it: capitals, no accents, no e-mail."""
    return replace(
        contact,
        given=anyascii(contact.given).upper(),
        family=anyascii(contact.family).upper(),
        company=anyascii(contact.company).upper(),
        email="",
        landline="",
    )


def _contact(number: int) -> Contact:
    dice = random.Random(number * 7919 + 1)
    country = list(GIVEN)[number % 6]
    is_company = number % 5 == 4
    given, family = dice.choice(GIVEN[country]), dice.choice(FAMILY[country])
    street, postcode, city, region = dice.choice(PLACES[country])
    company = dice.choice(COMPANY[country]).format(family)
    plain = "".join(c for c in anyascii(f"{given}.{family}").lower() if c.isalpha() or c == ".")
    email = f"office{number}@example.net" if is_company else f"{plain}{number}@example.org"
    tax_type, tax_id = _tax(country, dice, is_company)
    return Contact(
        number=number,
        country=country,
        given="" if is_company else given,
        family="" if is_company else family,
        company=company if is_company else "",
        email=email,
        mobile=MOBILE[country].format(dice.randrange(10**6)),
        landline=LANDLINE[country].format(dice.randrange(10**6)) if is_company or number % 3 == 0 else "",
        street=f"{street} {1 + number % 180}",
        postcode=postcode,
        city=city,
        region=region,
        tax_id=tax_id,
        tax_type=tax_type,
    )


def _tax(country: str, dice: random.Random, is_company: bool) -> tuple[str, str]:
    """(Tryton's type, number) with true check digits; companies have one, and people of three countries."""
    digits = "".join(str(dice.randrange(10)) for _ in range(12))
    match country, is_company:
        case "PT", _:
            return "eu_vat", "PT" + _checked("pt", "vat", ("5" if is_company else "2") + digits[:7], 1)
        case "ES", True:
            return "eu_vat", "ES" + _checked("es", "cif", "B" + digits[:7], 1)
        case "ES", False:
            return "es_dni", _checked("es", "dni", digits[:8], 1, "ABCDEFGHJKLMNPQRSTVWXYZ")
        case "BR", True:
            return "br_vat", _checked("br", "cnpj", digits[:8] + "0001", 2)
        case "BR", False:
            return "br_cpf", _checked("br", "cpf", digits[:9], 2)
        case "PL", True:
            return "eu_vat", "PL" + _checked("pl", "vat", "526" + digits[:5], 2)
        case "DE", True:
            return "eu_vat", "DE" + _checked("de", "vat", "1" + digits[:7], 1)
        case "FR", True:
            siren = _checked("fr", "siren", digits[:8], 1)
            return "eu_vat", f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
    return "", ""


def _checked(country: str, kind: str, start: str, length: int, letters: str = "0123456789") -> str:
    """`start` with its check digits: the library judges numbers better than it makes them."""
    module = get_cc_module(country, kind)
    assert module is not None
    ends = ("".join(end) for end in product(letters, repeat=length))
    return next(start + end for end in ends if module.is_valid(start + end))
