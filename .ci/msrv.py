"""The `rust-version` of the published packages is true: nothing that they are built from needs more.

Reads what each package of the resolved graph declares. What our own code uses of the standard library
is watched by clippy's `incompatible_msrv`.
"""

import json
import subprocess
import sys


def version(text):
    """`1.88` and `1.88.0` are the same."""
    numbers = [int(number) for number in text.split("-")[0].split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def metadata():
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def built_from(graph, root):
    """Ids of everything that `root` is built from, on any platform; not what only its tests use."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    seen, to_see = set(), [root]
    while to_see:
        node = to_see.pop()
        if node not in seen:
            seen.add(node)
            to_see += [
                dependency["pkg"]
                for dependency in nodes[node]["deps"]
                if any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"])
            ]
    return seen


def main():
    graph = metadata()
    packages = {package["id"]: package for package in graph["packages"]}
    members = [packages[member] for member in graph["workspace_members"]]
    is_true = True
    for member in members:
        if member["publish"] == []:
            continue
        ours = member["rust_version"]
        if ours is None:
            print(f"{member['name']} declares no rust-version")
            is_true = False
            continue
        dependencies = [packages[id] for id in built_from(graph, member["id"])]
        declared = [package for package in dependencies if package["rust_version"]]
        highest = max(version(package["rust_version"]) for package in declared)
        named = ".".join(map(str, highest))
        print(
            f"{member['name']}: rust-version {ours}; built from {len(dependencies)} packages, "
            f"of which {len(declared)} declare theirs, {named} the highest"
        )
        for package in declared:
            if version(package["rust_version"]) > version(ours):
                is_true = False
                print(f"    {package['name']} {package['version']} needs {package['rust_version']}")
    return 0 if is_true else 1


if __name__ == "__main__":
    sys.exit(main())
