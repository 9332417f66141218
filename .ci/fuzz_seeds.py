"""Writes inputs for the fuzz targets to begin with, from the recordings of this repository."""

import json
import pathlib
import re
import sys
from urllib.parse import urlsplit

APIS = "fuzz/fuzz_targets/apis.rs"
RECORDINGS = "src/provider/fixtures/cassettes.jsonl"
# As in the target `framers`.
FORMS = ["text/event-stream", "application/x-ndjson", "application/json"]


def last(path):
    """What the end of a path tells of the API."""
    return re.split(r"[/:]", urlsplit(path).path.rstrip("/"))[-1]


def main():
    folder = pathlib.Path(sys.argv[1])
    paths = re.findall(r'^    "(/[^"]+)",$', pathlib.Path(APIS).read_text(), re.M)
    ends = [last(path) for path in paths]
    count = 0
    for line in pathlib.Path(RECORDINGS).read_text().splitlines():
        recording = json.loads(line)
        end = last(recording["url"])
        body = (recording.get("response_text") or "").encode()
        if end not in ends or not body:
            continue
        api = ends.index(end)
        kind = recording.get("response_headers", {}).get("content-type", "").split(";")[0]
        request = json.dumps(recording["request"]).encode()
        seeds = {
            "extractors": bytes([api, 37, 0]) + body,
            "requests": bytes([api]) + request,
            "framers": bytes([FORMS.index(kind) if kind in FORMS else 2, 37]) + body,
        }
        for target, seed in seeds.items():
            (folder / target).mkdir(parents=True, exist_ok=True)
            (folder / target / f"seed-{recording['id']}").write_bytes(seed)
        count += 1
    print(f"{count} recordings")
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
