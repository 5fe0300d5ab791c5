package cache_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

// script reads a directory as one table with one library and prints its columns, its number of rows, and sums over its lists.
const script = `
import json, sys
library, values, view = sys.argv[1:4]
def out(columns, rows, ids, logps, metas):
    print(json.dumps({"columns": sorted(columns), "rows": rows, "ids": int(ids), "logps": round(float(logps), 6), "metas": metas}))
if library == "pyarrow":
    import pyarrow.parquet as pq, pyarrow.compute as pc
    t, v = pq.read_table(values), pq.read_table(view)
    out(t.column_names, t.num_rows, pc.sum(pc.list_flatten(t["prompt_ids"])).as_py(), pc.sum(t["ref_chosen_logps"]).as_py(), sorted(v["meta"].to_pylist()))
elif library == "pandas":
    import pandas
    t, v = pandas.read_parquet(values), pandas.read_parquet(view)
    out(t.columns, len(t), t.prompt_ids.map(sum).sum(), t.ref_chosen_logps.sum(), sorted(v.meta))
elif library == "polars":
    import polars
    t, v = polars.read_parquet(values + "/"), polars.read_parquet(view + "/")
    out(t.columns, len(t), t["prompt_ids"].list.sum().sum(), t["ref_chosen_logps"].sum(), sorted(v["meta"]))
elif library == "duckdb":
    import duckdb
    q = lambda sql: duckdb.sql(sql)
    t = q(f"select * from '{values}/*.parquet'")
    n, ids, logps = q(f"select count(*), sum(list_sum(prompt_ids)), sum(ref_chosen_logps) from '{values}/*.parquet'").fetchall()[0]
    metas = [r[0] for r in q(f"select meta from '{view}/*.parquet' order by meta").fetchall()]
    out(t.columns, n, ids, logps, metas)
elif library == "datasets":
    import datasets
    datasets.disable_progress_bars()
    t, v = datasets.load_dataset(values, split="train"), datasets.load_dataset(view, split="train")
    out(t.column_names, len(t), sum(map(sum, t["prompt_ids"])), sum(t["ref_chosen_logps"]), sorted(v["meta"]))
`

// The tables of a cache are read as they are by what people have: values/ and views/<run>/ each as one table.
func TestOtherProgramsReadACache(t *testing.T) {
	python := tol.Python(t)
	rows := pairs(30)
	st := build(t, t.TempDir(), rows, 10)
	type table struct {
		Columns []string
		Rows    int
		IDs     int64
		Logps   float64
		Metas   []string
	}
	want := table{Columns: []string{"chosen_ids", "chosen_tokens", "chosen_truncated", "pair_id", "prompt_ids", "ref_chosen_logps", "ref_chosen_token_logps",
		"ref_rejected_logps", "ref_rejected_token_logps", "rejected_ids", "rejected_tokens", "rejected_truncated"}}
	seen := map[[2]string]bool{} // bundle and id: each bundle of ten is a part
	for i, p := range rows {
		want.Metas = append(want.Metas, p.Meta)
		k := [2]string{string(rune(i / 10)), p.ID}
		if seen[k] {
			continue
		}
		seen[k] = true
		want.Rows++
		want.Logps += p.RefChosenLogps
		for _, id := range p.PromptIDs {
			want.IDs += int64(id)
		}
	}
	slices.Sort(want.Metas)
	for _, library := range []string{"pyarrow", "pandas", "polars", "duckdb", "datasets"} {
		t.Run(library, func(t *testing.T) {
			cmd := exec.Command(python, "-c", script, library, st.URL("values"), st.URL("views/r1"))
			cmd.Env = append(os.Environ(), "HF_HOME="+t.TempDir(), "HF_HUB_OFFLINE=1")
			cmd.Stderr = os.Stderr
			b, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got table
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if d := got.Logps - want.Logps; d < 1e-5 && d > -1e-5 {
				got.Logps = want.Logps // each sums in an order of its own
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
