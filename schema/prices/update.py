#!/usr/bin/env python3
"""Writes schema/prices/prices.txt from the price tables inside LiteLLM's wheels.

    python3 schema/prices/update.py [--cache DIR]

To take in a newer table, add its wheel to WHEELS and run this again. The format, and the rules by
which wheels become dated prices, are in README.md beside this file. Needs Python 3.11 and pip.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from decimal import ROUND_HALF_EVEN, Decimal

# (version, day of its upload to PyPI: `uv pip compile --format pylock.toml` prints it), oldest
# first. Close together in the last half year, which is what a history of 180 days needs.
WHEELS = [
    ("1.63.14", "2025-03-22"),
    ("1.72.6", "2025-06-14"),
    ("1.76.1", "2025-08-30"),
    ("1.79.3", "2025-11-09"),
    ("1.81.6", "2026-02-01"),
    ("1.83.4", "2026-04-07"),
    ("1.85.0", "2026-05-17"),
    ("1.88.0", "2026-06-06"),
    ("1.89.4", "2026-06-25"),
    ("1.91.0", "2026-07-04"),
    ("1.93.0", "2026-07-19"),
    ("1.95.0", "2026-08-02"),
    ("1.97.0", "2026-08-16"),
    ("1.99.0", "2026-09-01"),
    ("1.101.0", "2026-09-14"),
    ("1.103.0", "2026-09-27"),
    ("1.105.0", "2026-10-11"),
    ("1.106.6", "2026-10-28"),
    ("1.108.0", "2026-11-04"),
    ("1.109.0", "2026-11-11"),
    ("1.110.2", "2026-11-20"),
]

MODES = ("chat", "responses", "completion")
MEMBER = "litellm/model_prices_and_context_window_backup.json"

# The order of the kinds in a row of prices.
KINDS = ["input", "output", "write_5m", "write_1h", "read"]
FIELDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_creation_input_token_cost": "write_5m",
    "cache_creation_input_token_cost_above_1hr": "write_1h",
    "cache_read_input_token_cost": "read",
}
FIELD = re.compile(
    r"^(" + "|".join(sorted(FIELDS, key=len, reverse=True)) + r")"
    r"(?:_above_(\d+)k_tokens)?(?:_(flex|priority|batches))?$"
)
VARIANT = {None: "", "flex": "flex", "priority": "priority", "batches": "batch"}

PICO_PER_MILLION = Decimal(1_000_000)  # $/token to $/1M tokens; six decimals of it are pico-dollars


def table_of(version, cache):
    """The JSON object in that version's wheel, numbers as exact decimals."""
    found = glob.glob(os.path.join(cache, f"litellm-{version}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--python-version", "3.12", "--dest", cache]
        subprocess.run(command + [f"litellm=={version}"], check=True)
        found = glob.glob(os.path.join(cache, f"litellm-{version}-*.whl"))
    with zipfile.ZipFile(found[0]) as wheel, wheel.open(MEMBER) as member:
        return json.load(member, parse_float=Decimal, parse_int=Decimal)


def per_million(value):
    """$/token to $/1M tokens, to the pico-dollar per token. None if it is no price."""
    if not isinstance(value, Decimal) or value < 0:
        return None
    return (value * PICO_PER_MILLION).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)


def cells_of(name, model):
    """{(variant, thousands of prompt tokens above which, kind): $/1M tokens}, or None."""
    if not isinstance(model, dict) or model.get("mode") not in MODES:
        return None
    cells = {}
    for key, value in model.items():
        match = FIELD.match(key)
        price = per_million(value) if match else None
        if price is not None:
            field, above, variant = match.groups()
            cells[VARIANT[variant], int(above or 0), FIELDS[field]] = price
    # `cache_creation…_above_1hr_above_200k_tokens` is caught by FIELD; tiered_pricing is a list.
    for tier in model.get("tiered_pricing") or []:
        if "range" not in tier:
            continue
        above = int(Decimal(tier["range"][0]) / 1000)
        for field, kind in FIELDS.items():
            price = per_million(tier.get(field))
            if price is not None:
                cells.setdefault(("", above, kind), price)
    if ("", 0, "input") not in cells or ("", 0, "output") not in cells:
        return None
    fast = (model.get("provider_specific_entry") or {}).get("fast")
    if isinstance(fast, Decimal):
        cells["fast", 0, "factor"] = fast.normalize()
    return corrected(name, cells)


def corrected(name, cells):
    """Mends slips, each of them seen in a wheel."""
    # A tier left at $0 when its model ceased to be free (gemini-2.0-flash-exp).
    for variant, above, kind in list(cells):
        if kind in ("input", "output") and not cells[variant, above, kind] and cells["", 0, kind]:
            del cells[variant, above, kind]
    if "claude" in name:
        base = cells["", 0, "input"]
        # Wheels before 1.103 gave every Claude 3 model Sonnet's price for a write of one hour.
        # By the price list it is twice the input's.
        hour = cells.get(("", 0, "write_1h"))
        if base and hour is not None and not Decimal("1.9") <= hour / base <= Decimal("2.1"):
            cells["", 0, "write_1h"] = base * 2
        # 1.63 gave claude-3-5-haiku the input's price for a cache read.
        if base and cells.get(("", 0, "read")) == base:
            del cells["", 0, "read"]
    return cells


def believable(snapshots):
    """Without snapshots that are slips of the pen: nobody ever saw such a bill."""

    def is_slip(cells):
        # Dollars for a token or for a thousand tokens, where all others write dollars for a million:
        # the dearest real model costs 150 in and 600 out.
        return cells["", 0, "input"] > 200 or cells["", 0, "output"] > 1000

    def is_free(cells):
        return not cells["", 0, "input"] and not cells["", 0, "output"]

    known = [(date, cells) for date, cells in snapshots if not is_slip(cells)]
    # $0 that later becomes a price was a price not known yet.
    while known and is_free(known[0][1]) and not all(is_free(cells) for _, cells in known):
        known.pop(0)
    return known


def dated(snapshots):
    """[(date, cells)] of one model to [(date or None, cells)], a new entry only where it changed."""
    entries = []
    for date, cells in snapshots:
        if not entries:
            entries.append((None, dict(cells)))
            continue
        last = entries[-1][1]
        same = all(cells[key] == price for key, price in last.items() if key in cells)
        gone = [key for key in last if key not in cells]
        # A price that was not there before was not known before: it holds for the past too. A
        # variant that is no longer listed keeps its last price while the others stand.
        if same and all(variant for variant, _, _ in gone):
            last.update(cells)
        else:
            entries.append((date, dict(cells)))
    # Two entries may have become equal, once both knew as much.
    out = []
    for date, cells in entries:
        if not out or out[-1][1] != cells:
            out.append((date, cells))
    return out


def number(price):
    text = f"{price.normalize():f}"
    return text if price else "0"


def row(cells, variant, above):
    """`3/15/3.75/6/0.3`, or None where there is nothing. An unknown kind is empty."""
    texts = [number(cells[variant, above, kind]) if (variant, above, kind) in cells else "" for kind in KINDS]
    text = "/".join(texts).rstrip("/")
    return text or None


def factor_of(cells, variant):
    """The one factor by which all prices of a variant differ from the list's, if there is one."""
    mine = {key: price for key, price in cells.items() if key[0] == variant}
    base = cells["", 0, "input"]
    if not base or (variant, 0, "input") not in mine:
        return None
    factor = mine[variant, 0, "input"] / base
    if len(str(factor.normalize())) > 6:
        return None
    for (_, above, kind), price in mine.items():
        listed = cells.get(("", above, kind))
        if listed is None or listed * factor != price:
            return None
    # What the list has above a threshold and the variant does not is not to be made up.
    tiers = {above for name, above, _ in cells if name == ""}
    return factor if tiers == {above for _, above, _ in mine} else None


def entry_text(cells):
    parts = []
    for above in sorted({above for variant, above, _ in cells if variant == ""}):
        text = row(cells, "", above)
        parts.append(f">{above}k:{text}" if above else text)
    for variant in ("batch", "flex", "priority"):
        factor = factor_of(cells, variant)
        if factor is not None:
            parts.append(f"{variant}:x{number(factor)}")
            continue
        for above in sorted({above for name, above, _ in cells if name == variant}):
            mark = f">{above}k" if above else ""
            parts.append(f"{variant}{mark}:{row(cells, variant, above)}")
    if ("fast", 0, "factor") in cells:
        parts.append(f"fast:x{number(cells['fast', 0, 'factor'])}")
    return " ".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", help="where wheels are kept (else a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = arguments.cache or temporary
        models = {}
        for version, date in WHEELS:
            for name, model in table_of(version, cache).items():
                cells = cells_of(name, model)
                if cells:
                    models.setdefault(name, []).append((date, cells))
    lines = []
    for name in sorted(models, key=lambda text: text.encode()):
        if re.search(r"[\t\n]", name):
            sys.exit(f"a name with a tab or line break: {name!r}")
        known = believable(models[name])
        if not known:
            continue
        text = ""
        for date, cells in dated(known):
            text += (f" @{date} " if date else "") + entry_text(cells)
        lines.append(f"{name}\t{text}\n")
    version, date = WHEELS[-1]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prices.txt")
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(f"aimon-prices 1 {date} litellm {version}\n")
        out.writelines(lines)
    print(f"{len(lines)} models, {os.path.getsize(path)} bytes, newest wheel {version} of {date}")


if __name__ == "__main__":
    main()
