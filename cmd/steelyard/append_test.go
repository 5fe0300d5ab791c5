package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An edited data set, with rows added, deleted, changed, repeated and in another order, precomputed into the same cache: only new pairs
// are scored, and training takes exactly the new data set in its order, to the bytes of a cache that was made of it alone.
func TestEditedDataSet(t *testing.T) {
	model, pairs := demoFiles(t)
	var first []map[string]any
	if err := json.Unmarshal(readFile(t, pairs), &first); err != nil {
		t.Fatal(err)
	}
	first = first[:24]
	edited := slices.Clone(first[:20]) // four deleted
	slices.Reverse(edited)             // reordered
	changed := map[string]any{}
	for k, v := range edited[3] {
		changed[k] = v
	}
	for _, key := range []string{"chosen", "rejected"} {
		if text, ok := changed[key].(map[string]any); ok {
			changed[key] = map[string]any{"from": text["from"], "value": text["value"].(string) + " And so on."}
		}
	}
	if cmp.Equal(changed, edited[3]) {
		t.Fatalf("nothing was changed in %v", changed)
	}
	edited[3] = changed
	edited = append(edited, edited[5], edited[5]) // repeated
	var all []map[string]any
	if err := json.Unmarshal(readFile(t, pairs), &all); err != nil {
		t.Fatal(err)
	}
	edited = append(edited, all[40], all[41], all[42]) // added
	base := t.TempDir()
	write := func(name string, rows []map[string]any) string {
		b, err := json.Marshal(rows)
		if err == nil {
			err = os.WriteFile(filepath.Join(base, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(base, name)
	}
	precompute := func(dir, pairs, runner string) []string {
		return []string{"precompute", "--model", model, "--pairs", pairs, "--cache", filepath.Join(base, dir), "--runner", runner, "--template-date", "2026-11-23", "--json"}
	}
	train := func(dir string, more ...string) []byte {
		out := filepath.Join(base, dir+"-run")
		invoke(t, exitDone, append([]string{"train", "--model", model, "--cache", filepath.Join(base, dir), "--output", out,
			"--learning-rate", "1e-4", "--train-sampling-strategy", "sequential", "--num-train-epochs", "1"}, more...)...)
		return readFile(t, filepath.Join(out, "model.safetensors"))
	}
	old, edit := write("old.json", first), write("edited.json", edited)
	record(t, precompute("alone", edit, "direct")...)
	want, weights := rows(t, filepath.Join(base, "alone")), train("alone")
	for _, runner := range []string{"direct", "prism"} {
		record(t, precompute(runner, old, runner)...)
		had := finished(t, filepath.Join(base, runner))
		r := record(t, precompute(runner, edit, runner)...)
		lacking := map[string]bool{}
		for _, p := range want {
			if !had[p.ID] {
				lacking[p.ID] = true
			}
		}
		if len(lacking) != 4 || r.Counts.Scored != 4 || r.Counts.Reused != int64(len(edited)-4) {
			t.Errorf("%s: %d pairs are new, the run has %+v", runner, len(lacking), r.Counts)
		}
		if diff := cmp.Diff(want, rows(t, filepath.Join(base, runner))); diff != "" {
			t.Errorf("%s: rows of a cache of the edited data alone -, got +:\n%s", runner, diff)
		}
		if string(train(runner)) != string(weights) {
			t.Errorf("%s: training on the grown cache gives other weights", runner)
		}
		invoke(t, exitDone, "verify", "--cache", filepath.Join(base, runner), "--model", model, "--sample", "0")
	}
}
