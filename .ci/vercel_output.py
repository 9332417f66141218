"""What Vercel would publish: the functions with their settings, and no source of ours.

python3 vercel_output.py FOLDER: where the repository was copied to and `vercel build` has run. Prints the
paths of the executables: the root project's, then the example's.
"""

import json
import pathlib
import sys

# Project, its functions that are ours with what is to be set on them, and its static files.
EXPECTED = [
    (".", {"handlers/vercel.rs": {"supportsResponseStreaming": True}}, set()),
    (
        "examples/vercel-api",
        {"api/chat": {"supportsResponseStreaming": True, "maxDuration": 30}},
        {"index.html"},
    ),
]

SOURCES = {".lock", ".md", ".rs", ".toml", ".yaml", ".yml"}


def files(folder):
    paths = folder.rglob("*") if folder.is_dir() else []
    return {path.relative_to(folder).as_posix() for path in paths if path.is_file()}


def function(project, name):
    """The settings of a function, and its files: those in its folder and those that it names elsewhere."""
    folder = project / ".vercel" / "output" / "functions" / f"{name}.func"
    settings = json.loads((folder / ".vc-config.json").read_text())
    inside = {file: folder / file for file in files(folder) - {".vc-config.json"}}
    named = {file: project / path for file, path in settings.get("filePathMap", {}).items()}
    return settings, inside | named


def check(copy):
    problems, executables = [], []
    for folder, functions, expected_static in EXPECTED:
        project = copy / folder
        output = project / ".vercel" / "output"
        static = files(output / "static")
        if static != expected_static:
            problems.append(f"{folder}: static files {sorted(static)}, not {sorted(expected_static)}")
        for name in files(output):
            if pathlib.PurePath(name).suffix in SOURCES:
                problems.append(f"{folder}: {name} would be published")
        for name, expected in functions.items():
            settings, consists_of = function(project, name)
            if consists_of.keys() != {"executable"}:
                problems.append(f"{folder}: {name} consists of {sorted(consists_of)}")
            for key, value in expected.items():
                if settings.get(key) != value:
                    problems.append(f"{folder}: {name} has {key} {settings.get(key)}, not {value}")
            executable = consists_of["executable"].resolve(strict=True)
            executables.append(executable)
            size = executable.stat().st_size
            print(f"{folder}: {name}, {size} bytes unoptimised, {expected}", file=sys.stderr)
    return problems, executables


def main():
    problems, executables = check(pathlib.Path(sys.argv[1]))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(*executables, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
