"""What Vercel would publish: the functions with their settings, and no source of ours.

python3 vercel_output.py FOLDER: where the repository was copied to and `vercel build` has run.
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

# What our functions consist of; the project manifest is the builder's own note for Vercel.
FUNCTION_FILES = {".vc-config.json", "executable"}
SOURCES = {".lock", ".md", ".rs", ".toml", ".yaml", ".yml"}


def files(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    } if folder.is_dir() else set()


def problems(copy):
    for project, functions, expected_static in EXPECTED:
        output = copy / project / ".vercel" / "output"
        static = files(output / "static")
        if static != expected_static:
            yield f"{project}: static files {sorted(static)}, not {sorted(expected_static)}"
        for name in files(output):
            if pathlib.PurePath(name).suffix in SOURCES:
                yield f"{project}: {name} would be published"
        for function, settings in functions.items():
            folder = output / "functions" / f"{function}.func"
            if files(folder) != FUNCTION_FILES:
                yield f"{project}: {function} consists of {sorted(files(folder))}"
                continue
            found = json.loads((folder / ".vc-config.json").read_text())
            for key, value in settings.items():
                if found.get(key) != value:
                    yield f"{project}: {function} has {key} {found.get(key)}, not {value}"
            size = (folder / "executable").stat().st_size
            print(f"{project}: {function}, {size} bytes unoptimised, {settings}")


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
