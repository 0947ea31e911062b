#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads /metrics in both formats as strictly as their specifications: openmetrics.py TEXT OPENMETRICS.

The parser is that of Prometheus' own client library. Beyond it: both formats have the same families of the same types
and the same series, and each exemplar names a request of its own bucket.
"""
import sys

from prometheus_client import parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
with open(sys.argv[2], encoding="utf-8") as file:
    open_text = file.read()

faults = []
families = {family.name: family for family in parser.text_string_to_metric_families(text)}
open_families = {family.name: family for family in read_open(open_text)}
for name in sorted(families.keys() | open_families.keys()):
    old, new = families.get(name), open_families.get(name)
    if not old or not new:
        faults.append(f"{name} is in one format alone")
    elif (old.type, old.documentation) != (new.type, new.documentation):
        faults.append(f"{name} is {old.type} ({old.documentation}) and {new.type} ({new.documentation})")
if "# EOF" in text or not open_text.endswith("\n# EOF\n"):
    faults.append("# EOF ends OpenMetrics, and nothing else")

exemplars = 0
for family in open_families.values():
    below = {}
    for sample in family.samples:
        series = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        if sample.name.endswith("_bucket"):
            least, below[series] = below.get(series, -1.0), float(sample.labels["le"])
        if not sample.exemplar:
            continue
        exemplars += 1
        if set(sample.exemplar.labels) != {"trace_id"} or len(sample.exemplar.labels["trace_id"]) != 32:
            faults.append(f"{sample}: an exemplar has a trace id of 32 digits and nothing else")
        if not least < sample.exemplar.value <= below[series]:
            faults.append(f"{sample}: {sample.exemplar.value} is not of the bucket above {least}")
        if not sample.exemplar.timestamp or sample.value < 1:
            faults.append(f"{sample}: an exemplar has a time and stands for a request that was counted")
if exemplars == 0:
    faults.append("no exemplar at all")

print("\n".join(faults) or f"{len(families)} families, {exemplars} exemplars")
sys.exit(1 if faults else 0)
