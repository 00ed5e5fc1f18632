"""Countries: names in six languages and codes → ISO 3166-1 alpha-2, and back.

countries.tsv has one line a country: alpha-2, alpha-3, then its name in the languages of `LANGUAGES`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from hub.mapping.text import Unmappable, folded

LANGUAGES = ("en", "pt", "es", "pl", "de", "fr")

# What people also write: older and newer names, short forms, parts of a country.
_ALSO = {
    "GB": "UK|U.K.|Great Britain|Britain|England|Scotland|Wales|Northern Ireland|Inglaterra|Gran Bretaña"
    "|Grã-Bretanha|Escócia|Großbritannien|Grossbritannien|Angleterre|Grande-Bretagne|Anglia",
    "US": "U.S.|U.S.A.|United States of America|America|EUA|E.U.A.|EE.UU.|EEUU|EE UU|United States"
    "|Estados Unidos da América|Estados Unidos de América|Etats Unis d'Amérique|Vereinigte Staaten"
    "|Stany Zjednoczone",
    "NL": "Holland|The Netherlands|Países Baixos|Países Bajos|Hollande|Nederland",
    "CZ": "Czechia|Tschechien|Tchéquie|Czechy|Chéquia|República Checa|Česko",
    "DE": "Federal Republic of Germany|BRD|República Federal da Alemanha",
    "CV": "Cabo Verde",
    "CI": "Ivory Coast|Cote d Ivoire",
    "MK": "North Macedonia|Macedónia do Norte|Macedônia do Norte|Macedonia del Norte|Nordmazedonien"
    "|Macédoine du Nord|Macedonia Północna",
    "SZ": "Eswatini|Essuatíni",
    "TR": "Türkiye|Turkiye",
    "RU": "Russian Federation|Federação Russa|Federación Rusa",
    "KR": "Korea|Republic of Korea|Coreia|Corea|República da Coreia",
    "VN": "Viet Nam|Vietname|Vietnã",
    "IR": "Iran, Islamic Republic of|Irão|Irã",
    "IE": "Eire|Republic of Ireland|Irlanda|República da Irlanda",
    "ES": "Reino de España|Espana|Espagna",
    "PL": "Polónia|Polônia|Rzeczpospolita Polska",
    "BR": "Brazil|República Federativa do Brasil",
    "CH": "Confoederatio Helvetica|Suíça|Szwajcaria",
    "SE": "Suécia",
    "EE": "Estónia|Estônia",
    "LV": "Letónia|Letônia",
    "RO": "Roménia|Romênia",
    "SI": "Eslovénia|Eslovênia",
    "DK": "Dinamarca",
    "MO": "Macau|Macao",
    "MC": "Mónaco|Mônaco",
    "CD": "DR Congo|Democratic Republic of the Congo|República Democrática do Congo",
    "XK": "Kosovo|Kosowo",
}


def _load() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    codes: dict[str, str] = {}
    names: dict[str, dict[str, str]] = {form: {} for form in ("alpha2", "alpha3", *LANGUAGES)}
    for line in files("hub.mapping").joinpath("countries.tsv").read_text("utf-8").splitlines():
        alpha2, alpha3, *local = line.split("\t")
        names["alpha2"][alpha2], names["alpha3"][alpha2] = alpha2, alpha3
        names_here = zip(LANGUAGES, local, strict=True)
        for language, name in names_here:
            names[language][alpha2] = name
        for known in (alpha2, alpha3, *local):
            codes.setdefault(folded(known), alpha2)
    for alpha2, others in _ALSO.items():
        codes.setdefault(alpha2.lower(), alpha2)
        codes.update((folded(name), alpha2) for name in others.split("|"))
        if alpha2 not in names["alpha2"]:
            first = others.split("|")[0]
            names["alpha2"][alpha2] = names["alpha3"][alpha2] = alpha2
            for language in LANGUAGES:
                names[language][alpha2] = first
    return codes, names


_CODES, _NAMES = _load()
FORMS = tuple(_NAMES)  # how a country may be written outward: alpha2, alpha3 or a language


@lru_cache(maxsize=4096)
def country_code(text: str) -> str:
    """Alpha-2 of a name or code; Unmappable when it is no country we know."""
    code = _CODES.get(folded(text))
    if code is None:
        raise Unmappable("not the name or code of a country")
    return code


def country_name(code: str, form: str) -> str:
    """The country in one of FORMS; the code itself when it is not one of ours."""
    return _NAMES[form].get(code, code)
