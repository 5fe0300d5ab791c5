package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
)

// python runs a script of testdata and decodes what it prints.
func python(t *testing.T, into any, script string, args ...string) {
	t.Helper()
	pythonWith(t, "", into, script, args...)
}

// pythonWith is python with a standard input.
func pythonWith(t *testing.T, input string, into any, script string, args ...string) {
	t.Helper()
	interpreter := tol.Python(t)
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_DATASETS_OFFLINE=1")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &stderr)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// pyarrow, pandas, Polars, DuckDB and datasets read values and views as they are, each as one table.
func TestEveryReaderReadsTheCache(t *testing.T) {
	demo, pairs := demoFiles(t)
	dir := filepath.Join(t.TempDir(), "cache")
	invoke(t, exitDone, "precompute", "--model", demo, "--pairs", pairs, "--cache", dir)
	var sum float64
	distinct := map[schemas.PairID]bool{}
	all := rows(t, dir)
	for _, p := range all {
		if !distinct[p.ID] {
			sum += p.RefChosenLogps
			distinct[p.ID] = true
		}
	}
	views, err := filepath.Glob(filepath.Join(dir, "views", "*", "*.parquet"))
	if err != nil || len(views) == 0 {
		t.Fatalf("no view: %v", err)
	}
	var positions float64
	for _, p := range all {
		positions += float64(p.Source.Pos)
	}
	for _, test := range []struct {
		folder, column string
		rows           int
		sum            float64
		columns        []string
	}{
		{filepath.Join(dir, "values"), "ref_chosen_logps", len(distinct), sum, []string{
			"pair_id", "prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps", "ref_chosen_token_logps",
			"ref_rejected_token_logps", "chosen_tokens", "rejected_tokens", "chosen_truncated", "rejected_truncated"}},
		{filepath.Dir(views[0]), "source_pos", len(all), positions, []string{"pair_id", "source_file", "source_pos", "meta"}},
	} {
		var got map[string]struct {
			Rows    int
			Columns []string
			Sum     float64
		}
		python(t, &got, "read_cache.py", test.folder, test.column)
		if len(got) != 5 {
			t.Errorf("%d readers, want 5", len(got))
		}
		for reader, g := range got {
			if g.Rows != test.rows || math.Abs(g.Sum-test.sum) > 1e-9*math.Abs(test.sum) {
				t.Errorf("%s reads %d rows of sum %v from %s, want %d of %v", reader, g.Rows, g.Sum, test.folder, test.rows, test.sum)
			}
			if diff := cmp.Diff(test.columns, g.Columns); diff != "" {
				t.Errorf("%s: columns:\n%s", reader, diff)
			}
		}
	}
}

// After a training that moved log-probabilities, transformers loads the run directory with default arguments and agrees.
func TestTransformersLoadsWhatWasTrained(t *testing.T) {
	demo, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir, runDir := filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	invoke(t, exitDone, "precompute", "--model", demo, "--pairs", pairs, "--cache", cacheDir, "--limit", "8")
	invoke(t, exitDone, "train", "--model", demo, "--cache", cacheDir, "--output", runDir, "--learning-rate", "1e-4", "--max-steps", "5", "--save-strategy", "no")

	all := rows(t, cacheDir)
	file := pairsFile(t, all)
	var got struct {
		DType string
		Logps [][2]float64
	}
	python(t, &got, "transformers_logps.py", runDir, file)
	if got.DType != "torch.float32" {
		t.Errorf("transformers loads the weights as %s, want torch.float32", got.DType)
	}
	ours := sums(score(t, runDir, "", all))
	moved := 0.0
	for i, p := range all {
		for side, ref := range [2]float64{p.RefChosenLogps, p.RefRejectedLogps} {
			moved = max(moved, math.Abs(ours[i][side]-ref))
			// Sums of hundreds of float32 values: 1e-4 is of the token values, a sum may be off by 1e-6 of its size beside.
			if d := math.Abs(ours[i][side] - got.Logps[i][side]); d > 1e-4+1e-6*math.Abs(ref) {
				t.Errorf("pair %d side %d: %v by transformers, %v by us", i, side, got.Logps[i][side], ours[i][side])
			}
		}
	}
	if moved < 0.05 {
		t.Errorf("training moved log-probabilities by %v at most: too little to see a stale copy", moved)
	}
}

// pairsFile writes the ids of pairs as a script reads them.
func pairsFile(t *testing.T, pairs []schemas.CachedPair) string {
	t.Helper()
	var lines bytes.Buffer
	for _, p := range pairs {
		if err := json.NewEncoder(&lines).Encode(map[string][]int32{"prompt_ids": p.PromptIDs, "chosen_ids": p.ChosenIDs, "rejected_ids": p.RejectedIDs}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(file, lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// score returns the log-probabilities of every completion token of pairs, chosen and rejected, under the model in a directory, with an
// adapter where one is named.
func score(t *testing.T, dir, adapterDir string, pairs []schemas.CachedPair) [][2][]float64 {
	t.Helper()
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	var added *adapter.Adapter
	if adapterDir != "" {
		if added, err = adapter.Open(adapterDir, c); err != nil {
			t.Fatal(err)
		}
		defer added.Close()
	}
	scorer, err := cpu.NewScorer(d, c, cpu.Options{Adapter: added})
	if err != nil {
		t.Fatal(err)
	}
	defer scorer.Close()
	out := make([][2][]float64, len(pairs))
	for i, p := range pairs {
		var b model.Batch
		b.Add(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
		s, err := scorer.Score(t.Context(), b, 0)
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range s.Logp {
			side := 0
			if j >= len(p.ChosenIDs) {
				side = 1
			}
			out[i][side] = append(out[i][side], float64(v))
		}
	}
	return out
}

// sums adds up what score returns.
func sums(tokens [][2][]float64) [][2]float64 {
	out := make([][2]float64, len(tokens))
	for i, p := range tokens {
		for side, values := range p {
			for _, v := range values {
				out[i][side] += v
			}
		}
	}
	return out
}
