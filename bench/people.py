"""Made-up contacts for the benchmarks: the n-th is the same in every process and every run.

Names follow a long tail as real ones do (a few are very common, most are rare), nearly every person has an
address of e-mail and a phone of one's own, and one in fifty is another entry of somebody a little before: so
that matching has blocking keys, candidates and duplicates to work on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

SEED = 20_261_121
PAGE = 1000
DUPLICATES = 0.02  # share of contacts that repeat one of the 200 before them, with a slip or a new address
START = datetime(2020, 1, 1, tzinfo=UTC)  # the n-th contact was changed n seconds later

GIVEN = """Maria José Ana João António Manuel Francisco Paulo Pedro Carlos Luís Marcos Rita Sofia Beatriz Inês Marta
Joana Tiago Miguel Rui Nuno Hugo Bruno Diogo André Ricardo Vasco Duarte Gonçalo Simão Tomás Afonso Leonor Matilde
Carolina Mariana Francisca Margarida Catarina Helena Teresa Isabel Filipa Cláudia Sandra Sílvia Susana Patrícia Vera
Anna Katarzyna Małgorzata Agnieszka Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Jakub Wojciech Zofia Hanna
Lena Julia Emma Mia Ben Paul Jonas Finn Leon Lukas Felix Jürgen Günter Heike Sabine Ursula Petra Monika Stefan
Louise Camille Chloé Léa Manon Hugo Lucas Théo Nathan Émile Antoine Mathilde Océane Aurélie Benoît Cédric
Lucía Paula Daniela Álvaro Javier Sergio Raúl Marcos Elena Cristina Pilar Carmen Ignacio Nieves Rocío Begoña
Olivia Amelia Isla Ava Noah George Arthur Freya Harriet Alice Oscar Archie Edith Florence Rupert Nigel Gareth""".split()

FAMILY = """Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Jesus Sousa Fernandes Gonçalves Gomes Lopes
Marques Alves Almeida Ribeiro Pinto Carvalho Teixeira Moreira Correia Mendes Nunes Soares Vieira Monteiro Cardoso
Rocha Raposo Neves Coelho Cruz Cunha Pires Ramos Reis Simões Antunes Matos Fonseca Machado Araújo Barbosa Tavares
Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Jankowski
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf Schröder
Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garnier Faure
García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Jiménez Ruiz Hernández Díaz Moreno Muñoz
Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White
Roberts Green""".split()

FIRST_SYLLABLES = (
    "Al Bar Cas Dor Es Fal Gar Hol Ir Jar Kel Lan Mor Nor Or Pal Quin Ros Sal Tor Ul Val Wes Yar Zan".split()
)
MIDDLE_SYLLABLES = "a e i o u an en in on ar er ir or al el il ol as es is os ad ed id od av ev iv ov".split()
LAST_SYLLABLES = "da des do ga go la les lho ma nes nho ra res ro sa sky so ta tes to va vel ves za zo".split()

STREETS = "Rua Avenida Travessa Largo Praça Calle Ulica Hauptstraße".split()
PLACES = """Lisboa Porto Braga Coimbra Aveiro Faro Évora Setúbal Leiria Viseu Guarda Funchal Beja Tomar Lagos Sintra
Cascais Almada Amadora Loures Odivelas Matosinhos Gondomar Maia Guimarães Barcelos Santarém Portalegre""".split()
TRADES = "Padaria Oficina Livraria Farmácia Gráfica Vinhos Têxteis Cortiças Conservas Móveis Ferragens Azeites".split()
JOBS = "buyer,director,accountant,engineer,assistant,technician,architect,teacher,nurse,owner".split(",")


@lru_cache(4)
def page(number: int) -> tuple[dict[str, Any], ...]:
    """Contacts number * 1000 to number * 1000 + 999."""
    draw = Random(f"{SEED}:{number}")  # made-up names, no secrets
    made: list[dict[str, Any]] = []
    for n in range(number * PAGE, (number + 1) * PAGE):
        earlier = made[-200:]
        repeats = earlier and draw.random() < DUPLICATES
        made.append(_again(n, draw, draw.choice(earlier)) if repeats else _person(n, draw))
    return tuple(made)


def changed_at(n: int) -> datetime:
    return START + timedelta(seconds=n)


def _person(n: int, draw: Random) -> dict[str, Any]:
    given, family = _given(draw), f"{_family(draw)} {_family(draw)}"
    company = f"{draw.choice(TRADES)} {_family(draw)} {draw.choice(['Lda', 'SA', 'GmbH'])}" if n % 3 == 0 else ""
    return {
        "id": n,
        "source_id": f"C{n:08d}",
        "given_name": given,
        "family_name": family,
        "email": f"{_ascii(given)}.{_ascii(family.split()[-1])}{n}@mail{draw.randrange(3000)}.example",
        "phone": f"+351 9{draw.choice('1236')} {draw.randrange(1000):03d} {draw.randrange(10_000):04d}",
        "company": company,
        "job_title": draw.choice(JOBS) if company else "",
        "street": f"{draw.choice(STREETS)} {_family(draw)} {draw.randrange(1, 300)}, {draw.randrange(9)}.º D",
        "city": draw.choice(PLACES),
        "postcode": f"{draw.randrange(1000, 9999)}-{draw.randrange(1000):03d}",
        "country": "PT",
        "birth_date": f"{draw.randrange(1935, 2006)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}",
        "tags": draw.choice(["newsletter", "retail;newsletter", "wholesale", ""]),
        "updated_at": changed_at(n).isoformat(),
    }


def _again(n: int, draw: Random, other: dict[str, Any]) -> dict[str, Any]:
    """The same person typed in once more."""
    again = {**other, "id": n, "source_id": f"C{n:08d}", "updated_at": changed_at(n).isoformat()}
    if draw.random() < 0.5:
        again["email"] = f"{_ascii(other['given_name'])}{n}@home{n % 3000}.example"
    else:
        again["phone"] = ""
    return again


def _given(draw: Random) -> str:
    """One in ten of the few that head the list, the others evenly."""
    if draw.random() < 0.1:
        return GIVEN[min(int(draw.paretovariate(0.7) - 1), len(GIVEN) - 1)]
    return draw.choice(GIVEN)


def _family(draw: Random) -> str:
    """A third from the list, the others of the long tail of rare ones."""
    if draw.random() < 0.33:
        return draw.choice(FAMILY)
    parts = draw.choice(FIRST_SYLLABLES), draw.choice(MIDDLE_SYLLABLES), draw.choice(MIDDLE_SYLLABLES)
    return "".join(parts) + draw.choice(LAST_SYLLABLES)


@lru_cache(10_000)
def _ascii(name: str) -> str:
    return "".join(c for c in name.lower() if c.isascii() and c.isalpha())
