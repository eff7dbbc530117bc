"""The tree keeps its own rules: who may include whom, and what stands nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "cpp" / "src"

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def modules() -> dict[str, set[str]]:
    """Each module of cpp/CMakeLists.txt with the modules it may include: its USES, and theirs."""
    text = (ROOT / "cpp" / "CMakeLists.txt").read_text()
    direct = {}
    for name, body in re.findall(r"selfscale_module\((\w+)([^)]*)\)", text):
        uses = re.search(r"USES((?:\s+[a-z_]+)+)", body)
        direct[name] = set(uses.group(1).split()) if uses else set()

    def reach(name: str) -> set[str]:
        return {name}.union(*(reach(used) for used in direct[name]))

    return {name: reach(name) for name in direct}


def includes(path: Path) -> list[str]:
    """What a source file includes."""
    return INCLUDE.findall(path.read_text())


def source_files(folder: Path) -> list[Path]:
    """All C++ files below a folder."""
    return sorted(p for p in folder.rglob("*") if p.suffix in {".cpp", ".hpp"})


def test_every_folder_is_a_module() -> None:
    """A folder under cpp/src is one target of CMake, and the other way round."""
    assert {p.name for p in SOURCES.iterdir() if p.is_dir()} == set(modules())


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_includes_only_what_it_may(module: str) -> None:
    """No arrow points back, and siblings do not see each other."""
    allowed = modules()[module]
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}"
        for path in source_files(SOURCES / module)
        for included in includes(path)
        if (SOURCES / included).exists() and included.split("/")[0] not in allowed
    ]
    assert not wrong


# A third party and the modules in which it may stand.
BOXES = {
    r"^boost/asio": {"http", "agent", "drivers", "fleet", "control", "sources"},
    r"^boost/beast": {"http"},
    r"^boost/redis": {"fleet"},
    r"^nlohmann/": {"model", "policy", "http", "drivers", "fleet", "journal", "control", "agent"},
    r"^spdlog/": {"agent"},
    r"^sqlite3": {"journal"},
    r"^libpq": {"fleet"},
    r"^yaml\.h": {"drivers"},
    r"^openssl/": {"http", "drivers"},
    r"^(pybind11/|Python\.h)": set(),
}


@pytest.mark.parametrize("pattern", sorted(BOXES))
def test_a_third_party_stays_in_its_box(pattern: str) -> None:
    """A library is included where the architecture places it, and nowhere else."""
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}"
        for path in source_files(SOURCES)
        for included in includes(path)
        if re.search(pattern, included) and path.relative_to(SOURCES).parts[0] not in BOXES[pattern]
    ]
    assert not wrong


def test_public_headers_include_the_standard_library_alone() -> None:
    """Users of the library need no header of anybody else's."""
    wrong = [
        f"{path.name} includes {included}"
        for path in source_files(ROOT / "cpp" / "include")
        for included in includes(path)
        if not included.startswith("selfscale/") and ("/" in included or "." in included)
    ]
    assert not wrong


# The clock is read in one file; the pure modules call no system at all.
PURE = ["model", "policy", "decide", "sim"]
REAL_CLOCK = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)::now|\bclock_gettime\b|\bgettimeofday\b")
HOST_CALL = re.compile(r"#\s*include\s+<(sys/|unistd|fcntl|pthread|thread|mutex|fstream|iostream|random)")


@pytest.mark.parametrize("module", PURE)
def test_the_core_is_pure(module: str) -> None:
    """No clock, no thread, no file in what decides."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in source_files(SOURCES / module)
        if REAL_CLOCK.search(path.read_text()) or HOST_CALL.search(path.read_text())
    ]
    assert not wrong


VAGUE = re.compile(r"(util|utils|common|misc|helper|helpers|manager)$")


def test_every_file_has_a_name_of_its_own() -> None:
    """If it has no name, it has no home yet."""
    tracked = [p for folder in ("cpp", "python", "tests") for p in (ROOT / folder).rglob("*") if p.is_file()]
    assert not [str(p.relative_to(ROOT)) for p in tracked if VAGUE.search(p.stem)]


# What CMake is told, and what stands for others in a sentence.
NO_VARIABLES = {"SELFSCALE_VERSION", "SELFSCALE_HAS_CCTZ", "SELFSCALE_API", "SELFSCALE_BUILDING"}
OWN_NAME = re.compile(r"(?<![A-Za-z0-9_])(?:SELFSCALE|AUTOSCALING)_[A-Z0-9_]*[A-Z0-9](?![A-Za-z0-9_])")


def test_the_agent_knows_each_variable_that_the_library_or_its_templates_name() -> None:
    """A name that is in use and not in the list would be called misspelt."""
    known = set(OWN_NAME.findall((SOURCES / "agent" / "setting_names.cpp").read_text()))
    library = [*source_files(SOURCES), *(p for p in (ROOT / "python" / "selfscale").rglob("*") if p.is_file())]
    documented = [ROOT / "docs" / "reference" / "environment.md"]
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in [*library, *documented]
        if path.suffix not in {".pyc", ".so"}
        for name in set(OWN_NAME.findall(path.read_text(errors="ignore"))) - known - NO_VARIABLES
    }
    assert not unknown


def test_the_agent_knows_each_variable_that_the_tests_are_told() -> None:
    """Agents run in the processes of tests, too."""
    known = set(OWN_NAME.findall((SOURCES / "agent" / "setting_names.cpp").read_text()))
    told = re.compile(r"""(?:getenv\(|variable\(|environ\.get\(|environ\[)\s*["'](SELFSCALE_[A-Z_]+)["']""")
    files = [p for p in (ROOT / "tests").rglob("*") if p.suffix in {".py", ".cpp", ".hpp"}]
    asked = {name for path in files for name in told.findall(path.read_text())}
    assert asked
    assert asked <= known
