"""No secret and no path of somebody's machine is in the tree."""

import re
import subprocess
import sys

# Keys that only count up, and the one of AWS's documentation, are examples.
FORBIDDEN = {
    "a path of a machine": r"/(?:work|root|home/\w+|Users/\w+)/",
    "an API key": r"\bsk-(?:[a-z0-9]+-)*(?=[A-Za-z0-9_-]*[a-z])(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{24,}",
    "a key of Langfuse": r"\b[ps]k-lf-(?!01234567-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "a key of AWS": r"\bAKIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
}


def main():
    listing = subprocess.run(["git", "ls-files", "-z"], check=True, stdout=subprocess.PIPE).stdout
    names = listing.decode().split("\0")[:-1]
    found = 0
    for name in names:
        with open(name, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                for what, pattern in FORBIDDEN.items():
                    if re.search(pattern, line):
                        found += 1
                        print(f"{name}:{number}: {what}")
    print(f"{len(names)} files, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
