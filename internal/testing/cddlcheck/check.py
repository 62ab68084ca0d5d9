# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads lines of "rule hex" and writes for each a JSON string: what is wrong, or "".

usage: check.py SCHEMA
"""

import json
import sys
from pathlib import Path

from cddl_verifier import Validator

schema = Validator(Path(sys.argv[1]))
for line in sys.stdin:
    rule, data = line.split()
    result = schema.validate(bytes.fromhex(data), root_type=rule)
    problem = "" if result.valid else "; ".join(result.errors) or "invalid"
    print(json.dumps(problem))
