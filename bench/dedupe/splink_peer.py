"""Splink 5 on the same contacts: `python -m bench.dedupe.splink_peer CONTACTS OUT [--thresholds 0.95 0.999]`.

On DuckDB with two threads; one model for persons and one for organisations, trained on the data itself without
labels: prior from deterministic rules, u by random sampling, m by expectation maximisation. Clusters are the
connected components at the threshold; OUT has a column for each. An expert could tune it further.
"""

from __future__ import annotations

import argparse
import csv
import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# What a careful user does before: case, accents, placeholders, phones by their last nine digits, tax ids by
# their last eight, companies without their legal form. {contacts} is the path of the file.
PREPARED = r"""
CREATE TABLE cleaned AS
SELECT system || '|' || source_id AS unique_id, system,
  nullif(trim(regexp_replace(strip_accents(lower(given_name)), '[^a-z]+', ' ', 'g')), '') AS given_text,
  nullif(trim(regexp_replace(strip_accents(lower(family_name)), '[^a-z]+', ' ', 'g')), '') AS family_text,
  nullif(trim(regexp_replace(strip_accents(lower(full_name)), '[^a-z]+', ' ', 'g')), '') AS full_text,
  nullif(trim(regexp_replace(regexp_replace(strip_accents(lower(company)), '[^a-z0-9]+', ' ', 'g'),
    '( (lda|s a|sa|ltda|me|eireli|s l|sl|s l u|slu|sp z o o|s c|gmbh|ag|kg|e k|llc|inc|corp|sarl|sas|eurl))+$', '')),
    '') AS company,
  nullif(list_filter(string_split(lower(coalesce(emails, '')), ';'), lambda x: x LIKE '%@%.%'
    AND x NOT IN ('test@test.com', 'a@a.com', 'none@none.com', 'na@na.com') AND x NOT LIKE '%@email.%'
    AND x NOT LIKE 'noreply@%'), []) AS emails,
  nullif(list_filter(list_transform(string_split(coalesce(phones, ''), ';'),
    lambda x: right(regexp_replace(x, '[^0-9]', '', 'g'), 9)), lambda x: length(x) > 6 AND x <> '123456789'
    AND length(list_distinct(string_split(x, ''))) > 1), []) AS phones,
  nullif(trim(regexp_replace(strip_accents(lower(street)), '[^a-z0-9]+', ' ', 'g')), '') AS street,
  nullif(trim(strip_accents(lower(city))), '') AS city,
  nullif(regexp_replace(postcode, '[^0-9]', '', 'g'), '') AS postcode,
  CASE WHEN birth_date NOT IN ('', '1900-01-01') THEN birth_date END AS birth_date,
  nullif(right(regexp_replace(vat_number, '[^0-9]', '', 'g'), 8), '') AS vat
FROM read_csv('{contacts}', header = true, all_varchar = true, nullstr = '');

CREATE TABLE split AS
SELECT *, string_split(coalesce(given_text || ' ' || family_text, given_text, family_text, full_text), ' ') AS tokens,
  given_text IS NULL AND family_text IS NULL AND full_text IS NULL
    OR coalesce(full_text = company, false) AS is_company
FROM cleaned;

CREATE TABLE prepared AS
SELECT unique_id, company, emails, phones, emails[1] AS email, phones[1] AS phone, street, city, postcode, birth_date,
  vat, is_company,
  CASE WHEN len(tokens) > 1 THEN array_to_string(list_sort(tokens), ' ') END AS name, tokens,
  coalesce(string_split(given_text, ' ')[1], CASE WHEN family_text IS NULL THEN
    CASE WHEN system = 'legacy' THEN tokens[-1] ELSE tokens[1] END END) AS given,
  coalesce(string_split(family_text, ' ')[-1], CASE WHEN given_text IS NULL AND len(tokens) > 1 THEN
    CASE WHEN system = 'legacy' THEN tokens[-2] ELSE tokens[-1] END END) AS family
FROM split;
"""
TRAINING_PAIRS = 1e6
SEED = 2
LEAST = 0.2  # probability from which a pair is kept


def is_installed() -> bool:
    return all(find_spec(name) for name in ("splink", "duckdb"))


def levels(name: str, null: str, *conditions: str, frequency: str | None = None) -> dict[str, Any]:
    """A comparison of named SQL conditions, best first. frequency: the column whose rarity counts in the best."""
    found: list[dict[str, Any]] = [{"sql_condition": null, "label_for_charts": "missing", "is_null_level": True}]
    for condition in conditions:
        found.append({"sql_condition": condition, "label_for_charts": condition})
    if frequency:
        found[1] |= {"tf_adjustment_column": frequency, "tf_adjustment_weight": 1.0}
    found.append({"sql_condition": "ELSE", "label_for_charts": "different"})
    return {"output_column_name": name, "comparison_levels": found}


def either_missing(*columns: str) -> str:
    return " OR ".join(f"{column}_{side} IS NULL" for column in columns for side in "lr")


EMAIL = levels(
    "email_said",
    either_missing("emails"),
    "list_has_any(emails_l, emails_r)",
    "damerau_levenshtein(email_l, email_r) <= 1",
    "split_part(email_l, '@', 1) = split_part(email_r, '@', 1)",
)
PHONE = levels(
    "phone_said",
    either_missing("phones"),
    "list_has_any(phones_l, phones_r)",
    "damerau_levenshtein(phone_l, phone_r) <= 1",
)
ADDRESS = levels(
    "address_said",
    either_missing("postcode"),
    "postcode_l = postcode_r AND street_l = street_r",
    "postcode_l = postcode_r",
    "city_l = city_r AND jaro_winkler_similarity(street_l, street_r) > 0.9",
    "city_l = city_r",
)
COMPANY = levels(
    "company_said",
    either_missing("company"),
    "company_l = company_r",
    "jaro_winkler_similarity(company_l, company_r) > 0.92",
    frequency="company",
)
TAX = levels("tax_said", either_missing("vat"), "vat_l = vat_r")
NAME = levels(
    "name_said",
    either_missing("given"),
    "name_l = name_r",
    "len(list_intersect(tokens_l, tokens_r)) > 1",
    "jaro_winkler_similarity(name_l, name_r) > 0.92",
    "jaro_winkler_similarity(given_l, given_r) > 0.88 AND jaro_winkler_similarity(family_l, family_r) > 0.88",
    "given_l = given_r AND (family_l IS NULL OR family_r IS NULL)",
    "given_l = given_r OR family_l = family_r",
    frequency="name",
)


def settings(splink: Any, library: Any, *, persons: bool) -> Any:
    """Comparisons and blocking of one of the two models."""
    block = splink.block_on
    many = [block("emails", arrays_to_explode=["emails"]), block("phones", arrays_to_explode=["phones"]), block("vat")]
    if persons:
        birth = library.DateOfBirthComparison("birth_date", input_is_string=True)
        comparisons = [NAME, birth, EMAIL, PHONE, ADDRESS, COMPANY, TAX]
        pairs = ["given family", "family birth_date", "given birth_date", "family postcode", "given postcode"]
        rules = [*many, block("name"), *(block(*pair.split()) for pair in pairs)]
    else:
        comparisons = [COMPANY, EMAIL, PHONE, ADDRESS, TAX]
        rules = [*many, block("company"), block("postcode", "street")]
    return splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=rules,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def train(splink: Any, linker: Any, *, persons: bool) -> None:
    """Prior, u and m from the data alone."""
    block = splink.block_on
    certain = [block("email", "given"), block("phone", "given"), block("name", "birth_date")]
    if not persons:
        certain = [block("vat"), block("company", "phone"), block("company", "postcode")]
    recall = 0.6 if persons else 0.7
    linker.training.estimate_probability_two_random_records_match(certain, recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=TRAINING_PAIRS, seed=SEED)
    for column in ("name", "email", "phone") if persons else ("company", "phone"):
        linker.training.estimate_parameters_using_expectation_maximisation(block(column))


def clusters(contacts: Path, thresholds: list[float]) -> dict[str, list[str]]:
    """Record → its cluster at each threshold."""
    splink, library = import_module("splink"), import_module("splink.comparison_library")
    connection = import_module("duckdb").connect()
    connection.execute("SET threads TO 2")
    connection.execute(PREPARED.replace("{contacts}", str(contacts).replace("'", "''")))
    found: dict[str, list[str]] = {}
    for persons in (True, False):
        table = "persons" if persons else "organisations"
        which = "NOT is_company" if persons else "is_company"
        connection.execute(f"CREATE TABLE {table} AS SELECT * EXCLUDE is_company FROM prepared WHERE {which}")
        api = splink.DuckDBAPI(connection=connection)
        linker = splink.Linker(api.register(table), settings(splink, library, persons=persons), log_level="ERROR")
        train(splink, linker, persons=persons)
        predicted = linker.inference.predict(threshold_match_probability=LEAST)
        for threshold in thresholds:
            made = linker.clustering.cluster_pairwise_predictions_at_threshold(
                predicted, threshold_match_probability=threshold
            )
            rows = connection.execute(f"SELECT unique_id, cluster_id FROM {made.physical_name}").fetchall()
            for record, number in rows:
                found.setdefault(record, []).append(f"{table}:{number}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe.splink_peer")
    parser.add_argument("contacts", type=Path)
    parser.add_argument("out", type=Path, help="clusters as CSV: system, source_id, a column a threshold")
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.95])
    options = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    found = clusters(options.contacts, options.thresholds)
    with options.out.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("system", "source_id", *options.thresholds))
        writer.writerows((*record.split("|", 1), *numbers) for record, numbers in found.items())


if __name__ == "__main__":
    main()
