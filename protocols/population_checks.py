"""Check units, populations and the axes that they drive."""

from collections.abc import Iterator

from protocols.problems import Finding, listing, nearest
from protocols.schema import POPULATION_FORMS, Protocol
from protocols.units import REST, format_units, parse_population


def check_units(protocol: Protocol) -> Iterator[Finding]:
    """Find a unit map that does not name each index once."""
    units = protocol.units
    because = ("units.map",)
    if units.map == "table":
        rows = units.table or ()
        if len(rows) != units.count:
            yield Finding(
                "units.table" if rows else "units",
                f"{len(rows)} rows for {units.count} units; units.table needs one [channel, unit] row per unit",
                ("units.table", "units.count", *because),
            )
        for row in sorted({row for row in rows if rows.count(row) > 1}):
            where = listing(str(index) for index, other in enumerate(rows) if other == row)
            yield Finding("units.table", f"{list(row)} stands in rows {where}; each row must be different", because)
    elif units.table is not None:
        yield Finding("units.table", f'has no effect with map = "{units.map}"; set map = "table" or remove it', because)
    if units.map != "channel_unit" and units.units_per_channel != 1:
        yield Finding(
            "units.units_per_channel",
            f'has no effect with map = "{units.map}"; set map = "channel_unit" or remove it',
            because,
        )


def check_excluded(protocol: Protocol) -> Iterator[Finding]:
    """Find excluded units that do not exist, or stand twice."""
    units = protocol.units
    beyond = sorted({unit for unit in units.exclude if not 0 <= unit < units.count})
    if beyond:
        yield Finding(
            "units.exclude",
            f"no such {format_units(beyond)}; allowed: 0-{units.count - 1} (units.count)",
            ("units.count",),
        )
    twice = sorted({unit for unit in units.exclude if units.exclude.count(unit) > 1})
    if twice:
        yield Finding("units.exclude", f"{format_units(twice)} stands twice; allowed: each unit once")


def check_ignored(protocol: Protocol) -> Iterator[Finding]:
    """Find sorted units to ignore that cannot be, or that the protocol names as well."""
    units = protocol.units
    wrong = [unit for unit in units.ignore_units if unit < 0 or units.ignore_units.count(unit) > 1]
    if wrong:
        yield Finding(
            "units.ignore_units", f"{wrong[0]} is below 0 or stands twice; allowed: numbers from 0, each once"
        )
    named = {unit for _, unit in units.pairs()} if units.map != "channel" else set()
    if both := sorted(named & set(units.ignore_units)):
        yield Finding(
            "units.ignore_units",
            f"sorted unit {both[0]} is ignored, and units.map names it; allowed: one of the two",
            ("units.map", "units.table", "units.first_unit"),
        )


def check_populations(protocol: Protocol) -> Iterator[Finding]:
    """Find populations that cannot be read, are out of range, overlap or are empty."""
    n_units = protocol.units.count
    owner: dict[int, str] = {}
    rests: list[str] = []
    for name, spec in protocol.populations.items():
        key = f"populations.{name}"
        if spec == REST:
            rests.append(name)
            continue
        try:
            indices = parse_population(spec)
        except ValueError as error:
            yield Finding(key, f"{error}; allowed: {POPULATION_FORMS}")
            continue
        beyond = [index for index in indices if index >= n_units]
        if beyond:
            yield Finding(
                key, f"no such {format_units(beyond)}; allowed: 0-{n_units - 1} (units.count)", ("units.count",)
            )
        for other in dict.fromkeys(owner[index] for index in indices if index in owner):
            shared = [index for index in indices if owner.get(index) == other]
            yield Finding(
                key,
                f"{format_units(shared)} also in {other!r}; populations must not overlap",
                (f"populations.{other}",),
            )
        owner.update((index, name) for index in indices if index not in owner)
    for name in rests[1:]:
        yield Finding(f"populations.{name}", f'{rests[0]!r} is "rest" already; only one population may be')
    if rests and n_units <= sum(index < n_units for index in owner):
        yield Finding(
            f"populations.{rests[0]}",
            "no unit is left for it; a population needs at least one unit",
            ("units.count", "populations"),
        )


def check_axes(protocol: Protocol) -> Iterator[Finding]:
    """Find axes whose populations do not exist, are used twice, or do not say what drives what."""
    driven: dict[str, str] = {}
    for letter, axis in protocol.axes.items():
        path = f"axes.{letter}"
        if axis.population is not None and (axis.push is not None or axis.pull is not None):
            yield Finding(path, "has both population and push or pull; allowed: population, or push and pull")
        elif (axis.push is None) != (axis.pull is None):
            given, missing = ("pull", "push") if axis.push is None else ("push", "pull")
            yield Finding(path, f"{missing} is missing; {given} and {missing} make a pair", (f"{path}.{missing}",))
        if axis.populations and "gain" not in axis.model_fields_set:
            yield Finding(f"{path}.gain", "is missing; allowed: a number above 0, in cm/s per Hz")
        for key, name in axis.populations.items():
            where = f"{path}.{key}"
            if name not in protocol.populations:
                yield Finding(
                    where,
                    f"no population {name!r}{nearest(name, protocol.populations)}; "
                    f"there are: {listing(protocol.populations)}",
                    (f"populations.{name}",),
                )
            elif name in driven:
                yield Finding(where, f"{name!r} drives {driven[name]} already; a population drives one axis once")
            driven.setdefault(name, where)
