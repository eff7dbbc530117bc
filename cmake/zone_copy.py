"""Writes the package's own copy of the zone data, for machines that have none: every IANA zone's changes as C++ arrays.

    python zone_copy.py OUTPUT FIRST_YEAR LAST_YEAR

It reads what Python's zoneinfo reads, of the package `tzdata` if that is installed, else of this system.
"""

from __future__ import annotations

import importlib.util
import sys
import zoneinfo
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

DAY = timedelta(days=1)
STEP = 3 * DAY  # no two changes of a zone since 2000 lie nearer than 6 days
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1)


def folders() -> list[str]:
    """Return where zone files stand."""
    package = importlib.util.find_spec("tzdata")
    if package is None or package.origin is None:
        return list(zoneinfo.TZPATH)
    return [str(Path(package.origin).parent / "zoneinfo")]


def first_with(zone: zoneinfo.ZoneInfo, offset: timedelta, low: datetime, high: datetime) -> datetime:
    """Return the first second with this offset, in UTC: `low` does not have it, `high` does."""
    while high - low > SECOND:
        middle = low + (high - low) // 2 // SECOND * SECOND
        if zone.fromutc(middle.replace(tzinfo=zone)).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


@cache
def changes(file: Path, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Return the changes of a zone: seconds since the epoch, seconds ahead of UTC."""
    with file.open("rb") as data:
        zone = zoneinfo.ZoneInfo.from_file(data)
    start = datetime(first, 1, 1)
    noons = [start + DAY / 2 + STEP * step for step in range((datetime(last, 1, 1) - start) // STEP + 1)]
    offsets = [offset or timedelta() for offset in map(zone.utcoffset, noons)]
    found = [(start, zone.fromutc(start.replace(tzinfo=zone)).utcoffset() or timedelta())]
    for step in range(1, len(noons)):
        if offsets[step] != offsets[step - 1]:
            # A day further back: that noon may be one that this zone left out.
            low, high = noons[step - 1] - offsets[step - 1] - DAY, noons[step] - offsets[step]
            found.append((first_with(zone, offsets[step], low, high), offsets[step]))
    return tuple(((at - EPOCH) // SECOND, offset // SECOND) for at, offset in found)


def written(first_year: int, last_year: int) -> str:
    """Return the copy as C++."""
    roots = folders()
    zoneinfo.reset_tzpath(to=roots)
    names = sorted(zoneinfo.available_timezones() - {"localtime"})
    if not names:
        sys.exit("selfscale needs zone data for its build: pip install tzdata")
    # Links share their zone's changes.
    files = {}
    for name in names:
        content = next(path for root in roots if (path := Path(root, name)).is_file())
        files[name] = content
    by_content: dict[bytes, Path] = {}
    starts: dict[tuple[tuple[int, int], ...], int] = {}
    rows: list[tuple[int, int]] = []
    zones = []
    for name in names:
        table = changes(by_content.setdefault(files[name].read_bytes(), files[name]), first_year, last_year)
        if table not in starts:
            starts[table] = len(rows)
            rows.extend(table)
        zones.append((starts[table], len(table)))
    return f"""// Written by cmake/zone_copy.py.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace selfscale {{
namespace {{

struct CopiedChange {{
  std::int64_t at;      // seconds since the epoch
  std::int32_t offset;  // seconds ahead of UTC
}};
struct CopiedZone {{
  std::size_t first;  // of its changes
  std::size_t count;
}};

constexpr std::array<std::string_view, {len(names)}> copied_names{{{{
{"".join(f'    "{name}",' + chr(10) for name in names)}}}}};
constexpr std::array<CopiedZone, {len(zones)}> copied_zones{{{{
{"".join(f"    {{{first}, {count}}}," + chr(10) for first, count in zones)}}}}};
constexpr std::array<CopiedChange, {len(rows)}> copied_changes{{{{
{"".join(f"    {{{at}, {offset}}}," + chr(10) for at, offset in rows)}}}}};

}}  // namespace
}}  // namespace selfscale
"""


if __name__ == "__main__":
    output, first, last = sys.argv[1:]
    Path(output).write_text(written(int(first), int(last)), encoding="utf-8")
