"""Reads a folder of Parquet files as one table with every common reader: read_cache.py FOLDER NUMBER_COLUMN

Prints a JSON object: for each reader its rows, its columns, and the sum of the numbers in NUMBER_COLUMN.
"""
import json
import sys
import tempfile

import datasets
import duckdb
import pandas
import polars
import pyarrow.parquet

folder, column = sys.argv[1:]
out = {}


def note(name, rows, columns, total):
    out[name] = {"rows": rows, "columns": list(columns), "sum": float(total)}


t = pyarrow.parquet.read_table(folder)
note("pyarrow", t.num_rows, t.column_names, sum(t[column].to_pylist()))
d = pandas.read_parquet(folder)
note("pandas", len(d), d.columns, sum(d[column].tolist()))
p = polars.read_parquet(folder)
note("polars", p.height, p.columns, sum(p[column].to_list()))
q = duckdb.sql(f"select * from '{folder}/*.parquet'")
note("duckdb", len(q), q.columns, sum(x for (x,) in duckdb.sql(f"select {column} from '{folder}/*.parquet'").fetchall()))
s = datasets.load_dataset(folder, split="train", cache_dir=tempfile.mkdtemp())
note("datasets", len(s), s.column_names, sum(s[column]))
print(json.dumps(out))
