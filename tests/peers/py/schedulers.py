"""What schedulers of clusters are given, as their own schemas and parsers read it."""

import io
import json
import pathlib
import subprocess
import sys

import hcl2
import kubernetes_validate
import yaml
from hcl2.utils import SerializationOptions

PLAIN = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


def kubernetes(text):
    """Return the problems of every document, by its kind."""
    found = {}
    for document in yaml.safe_load_all(text):
        try:
            kubernetes_validate.validate(document, "1.37", strict=True)
            found[document["kind"]] = ""
        except Exception as error:
            found[document["kind"]] = str(error)
    return found


def nomad(text):
    """Return the job as its parser reads it."""
    return hcl2.load(io.StringIO(text), serialization_options=PLAIN)


def dockerfile(path):
    """Return what the linter complains of."""
    program = pathlib.Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, path], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


job = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
print(json.dumps(globals()[job["look"]](job["at"])))
