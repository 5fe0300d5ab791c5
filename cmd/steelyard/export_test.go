package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache/export"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/schemas"
)

// demoRows writes rows of the demonstration's pairs, by their numbers, into a file.
func demoRows(t *testing.T, numbers ...int) string {
	t.Helper()
	_, demo := demoFiles(t)
	var all, some []json.RawMessage
	if err := json.Unmarshal(readFile(t, demo), &all); err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		some = append(some, all[n])
	}
	text, err := json.Marshal(some)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pairs.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// exportedCache makes a cache of two views, eight rows and then three of them with a new one. Of the eight, two repeat others, and
// max_length cuts some completions. It returns the name of the older view and the rows of both.
func exportedCache(t *testing.T) (dir, older string, all []schemas.CachedPair) {
	t.Helper()
	model, _ := demoFiles(t)
	dir = filepath.Join(t.TempDir(), "cache")
	precompute := func(numbers ...int) schemas.Run {
		return record(t, "precompute", "--model", model, "--pairs", demoRows(t, numbers...), "--max-length", "200", "--cache", dir, "--json")
	}
	first := precompute(1, 3, 4, 5, 6, 7, 3, 6)
	all = rows(t, dir)
	second := precompute(4, 13, 1, 5)
	if first.Counts.Rows != 8 || first.Counts.Scored != 6 || first.Counts.Truncated == 0 || second.Counts.Rows != 4 || second.Counts.Scored != 1 {
		t.Fatalf("the runs did %+v and %+v", first.Counts, second.Counts)
	}
	return dir, first.ID, append(all, rows(t, dir)...)
}

// cacheExport exports and returns the summary.
func cacheExport(t *testing.T, args ...string) (sum export.Summary) {
	t.Helper()
	out, _ := invoke(t, exitDone, append([]string{"cache", "export", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TRL trains from an export of an older view, by the words of docs/export.md, without a reference model or a pass of one, and its losses are
// ours.
func TestTRLTrainsOnAnExport(t *testing.T) {
	model, _ := demoFiles(t)
	cacheDir, view, _ := exportedCache(t)
	dir := t.TempDir()
	sum := cacheExport(t, "--cache", cacheDir, "--view", view, "--output", filepath.Join(dir, "export.parquet"))
	if err := os.CopyFS(filepath.Join(dir, "model"), os.DirFS(model)); err != nil {
		t.Fatal(err)
	}
	options := map[string]any{"learning_rate": 3e-5, "max_steps": 4, "per_device_train_batch_size": 4, "train_sampling_strategy": "sequential", "save_strategy": "no"}
	args := []string{"train", "--model", model, "--cache", cacheDir, "--view", view, "--output", filepath.Join(dir, "run")}
	for name, value := range options {
		args = append(args, fmt.Sprintf("--%s=%v", name, value))
	}
	options["bf16"], options["use_cpu"], options["logging_steps"] = false, true, 1 // float32, on the CPU, every step
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Log       []map[string]float64
		DType     string
		Reference bool
		Loaded    int
		Forwards  int
		Without   int `json:"without_gradients"`
		Blocks    int
		Printed   string
	}
	python(t, &got, "trl_export.py", dir, filepath.Join(tol.Root(t), "docs", "export.md"), string(text))
	if got.DType != "torch.float32" || got.Blocks != 2 {
		t.Errorf("the policy is %s, the guide has %d parts", got.DType, got.Blocks)
	}
	if got.Reference || got.Loaded != 1 || got.Forwards != 4 || got.Without != 0 {
		t.Errorf("a reference is kept: %v; %d models were loaded and ran %d times, %d of them without gradients; want the policy alone, once a step", got.Reference, got.Loaded, got.Forwards, got.Without)
	}
	if !strings.HasPrefix(got.Printed, "snapshot "+sum.Snapshot+"\n") {
		t.Errorf("the guide's first part printed %q", got.Printed)
	}

	invoke(t, exitDone, args...)
	ours := metrics(t, filepath.Join(dir, "run"))
	if len(ours) != 4 || len(got.Log) != 4 {
		t.Fatalf("%d steps and %d of TRL, want 4", len(ours), len(got.Log))
	}
	for i, m := range ours {
		trl := got.Log[i]
		for _, c := range []struct {
			name string
			ours float64
		}{{"loss", m.Loss}, {"rewards/chosen", m.RewardsChosen}, {"rewards/rejected", m.RewardsRejected}, {"rewards/margins", m.RewardsMargins}} {
			if d := math.Abs(trl[c.name] - c.ours); !(d <= 1e-5) {
				t.Errorf("step %d: %s is %v, TRL's %v", i+1, c.name, c.ours, trl[c.name])
			}
		}
		// Before the first update both rewards of a pair are 0, and which is greater is rounding.
		if i > 0 && trl["rewards/accuracies"] != m.RewardsAccuracies {
			t.Errorf("step %d: accuracy %v, TRL's %v", i+1, m.RewardsAccuracies, trl["rewards/accuracies"])
		}
		if float64(m.NumTokens) != trl["num_tokens"] {
			t.Errorf("step %d: %d tokens, TRL's %v", i+1, m.NumTokens, trl["num_tokens"])
		}
	}
	if first, last := ours[0].Loss, ours[3].Loss; last > first-0.2 {
		t.Errorf("the loss went from %v to %v: too little to see the gradient of it", first, last)
	}
}

// pyarrow, pandas, Polars, DuckDB and datasets read an export of all views.
func TestEveryReaderReadsAnExport(t *testing.T) {
	cacheDir, _, all := exportedCache(t)
	folder := filepath.Join(t.TempDir(), "export")
	sum := cacheExport(t, "--cache", cacheDir, "--view", "all", "--output", filepath.Join(folder, "all.parquet"))
	if sum.Rows != 12 || sum.View != "all" || !sum.TokenLogps {
		t.Fatalf("the summary is %+v", sum)
	}
	var got map[string]struct {
		Rows    int
		Columns []string
		Sum     float64
	}
	python(t, &got, "read_cache.py", folder, "ref_chosen_logps")
	want := []string{"prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps", "ref_chosen_token_logps", "ref_rejected_token_logps",
		"chosen_tokens", "rejected_tokens", "chosen_truncated", "rejected_truncated", "pair_id", "source_path", "source_pos", "meta"}
	total := 0.0
	for _, p := range all {
		total += p.RefChosenLogps
	}
	if len(got) != 5 {
		t.Errorf("%d readers, want 5", len(got))
	}
	for reader, g := range got {
		if g.Rows != 12 || math.Abs(g.Sum-total) > 1e-9 {
			t.Errorf("%s reads %d rows of sum %v, want 12 of %v", reader, g.Rows, g.Sum, total)
		}
		if diff := cmp.Diff(want, g.Columns); diff != "" {
			t.Errorf("%s: columns:\n%s", reader, diff)
		}
	}
}
