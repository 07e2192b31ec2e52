"""Reads the text format of Prometheus from standard input and writes what it understood as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
json.dump(
    [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [{"name": s.name, "labels": s.labels, "value": str(s.value)} for s in family.samples],
        }
        for family in families
    ],
    sys.stdout,
)
