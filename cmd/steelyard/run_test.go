package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// realData is LLaMA-Factory's English DPO demo: 300 rows.
func realData(t *testing.T) string {
	return filepath.Join(tol.Root(t), "testdata", "data", "dpo_en_demo.json.gz")
}

// metrics reads the metrics of a run.
func metrics(t *testing.T, dir string) []trainer.Metrics {
	t.Helper()
	var out []trainer.Metrics
	s := bufio.NewScanner(bytes.NewReader(readFile(t, filepath.Join(dir, "metrics.jsonl"))))
	for s.Scan() {
		var m trainer.Metrics
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// rows reads a cache's newest view in its order.
func rows(t *testing.T, dir string) []schemas.CachedPair {
	t.Helper()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return snapshotRows(t, snapshot)
}

// snapshotRows reads a snapshot's newest view in its order.
func snapshotRows(t *testing.T, snapshot *cache.Snapshot) []schemas.CachedPair {
	t.Helper()
	index, err := snapshot.Index(t.Context(), "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	reader := snapshot.Rows(index)
	defer reader.Close()
	out := make([]schemas.CachedPair, index.Len())
	for i := range out {
		if out[i], err = reader.At(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The real rows become the rows that TRL makes of them: 258 of 300, 255 of them distinct; 42 prompts reach max_length.
func TestRealRows(t *testing.T) {
	model := filepath.Join(tol.Root(t), "testdata", "goldens", "smollm2")
	out, errs := invoke(t, exitDone, "tokenize", "--model", model, "--pairs", realData(t))
	distinct := map[string]bool{}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		var l tokenLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		distinct[l.PairID] = true
	}
	if len(lines) != 258 || len(distinct) != 255 {
		t.Errorf("%d rows, %d distinct; want 258 and 255", len(lines), len(distinct))
	}
	if n := strings.Count(errs, schemas.CodePromptTooLong); n != 42 {
		t.Errorf("%d prompts reach max_length, want 42", n)
	}
}

// All real rows go through the main job with default options, on both runners, to the same values and views.
func TestRealPairsOnBothRunners(t *testing.T) {
	model, _ := demoFiles(t)
	dir := t.TempDir()
	one, other := filepath.Join(dir, "direct"), filepath.Join(dir, "prism")
	process(t, "precompute", "--model", model, "--pairs", realData(t), "--cache", one)
	process(t, "precompute", "--model", model, "--pairs", realData(t), "--cache", other, "--runner", "prism", "--threads", "1", "--batch-tokens", "1500")
	a, b := rows(t, one), rows(t, other)
	if len(a) < 200 {
		t.Fatalf("%d rows, want most of 300", len(a))
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the runners differ:\n%s", diff)
	}
}

// Before the first update the policy is the reference to the last bit, though the cache comes from another process, runner, batch size
// and number of threads; after it, it is not.
func TestStepZero(t *testing.T) {
	model, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir, runDir := filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	process(t, "precompute", "--model", model, "--pairs", pairs, "--cache", cacheDir, "--runner", "prism", "--threads", "1", "--batch-tokens", "700")
	invoke(t, exitDone, "train", "--model", model, "--cache", cacheDir, "--output", runDir, "--max-steps", "2", "--learning-rate", "1e-4",
		"--threads", "2", "--save-strategy", "no")
	steps := metrics(t, runDir)
	if len(steps) != 2 {
		t.Fatalf("%d steps, want 2", len(steps))
	}
	if s := steps[0]; s.Loss != math.Ln2 || s.RewardsMargins != 0 || s.RewardsChosen != 0 || s.RewardsRejected != 0 {
		t.Errorf("first step: loss %v, margins %v, rewards %v and %v; want ln 2 and zeros", s.Loss, s.RewardsMargins, s.RewardsChosen, s.RewardsRejected)
	}
	if s := steps[1]; s.RewardsMargins == 0 || s.Loss == math.Ln2 {
		t.Errorf("second step: loss %v, margins %v: nothing was learned", s.Loss, s.RewardsMargins)
	}
}

// A cache of bfloat16 products has a fingerprint of its own: a policy with the same ones starts as its reference, another is refused.
func TestBF16(t *testing.T) {
	if err := (cpu.Options{BF16: true}).Check(); err != nil {
		t.Skip(err)
	}
	model, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir, runDir := filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	invoke(t, exitDone, "precompute", "--bf16", "--model", model, "--pairs", pairs, "--cache", cacheDir)
	invoke(t, exitDone, "verify", "--bf16", "--model", model, "--cache", cacheDir)
	invoke(t, exitDone, "train", "--bf16", "--model", model, "--cache", cacheDir, "--output", runDir, "--max-steps", "2", "--learning-rate", "1e-4",
		"--save-strategy", "no")
	if s := metrics(t, runDir)[0]; s.Loss != math.Ln2 || s.RewardsMargins != 0 {
		t.Errorf("first step: loss %v, margins %v; want ln 2 and 0", s.Loss, s.RewardsMargins)
	}
	_, said := invoke(t, exitFailed, "train", "--model", model, "--cache", cacheDir, "--output", filepath.Join(dir, "plain"), "--max-steps", "1")
	if !strings.Contains(said, "numerics: the cache has bf16pairs/1+") {
		t.Errorf("a float32 policy on a bfloat16 cache: %s", said)
	}
	if _, said = invoke(t, exitFailed, "precompute", "--model", model, "--pairs", pairs, "--cache", cacheDir); !strings.Contains(said, "numerics") {
		t.Errorf("float32 values for a bfloat16 cache: %s", said)
	}
}

// What a run may hold is said before it begins and changes no bit.
func TestMemoryOptions(t *testing.T) {
	model, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir := filepath.Join(dir, "cache")
	invoke(t, exitDone, "precompute", "--model", model, "--pairs", pairs, "--cache", cacheDir)
	train := func(name string, flags ...string) (weights []byte, said string) {
		run := filepath.Join(dir, name)
		args := []string{"train", "--model", model, "--cache", cacheDir, "--output", run, "--max-steps", "2", "--learning-rate", "1e-4", "--save-strategy", "no"}
		_, said = invoke(t, exitDone, append(args, flags...)...)
		return readFile(t, filepath.Join(run, "model.safetensors")), said
	}
	want, said := train("kept")
	if !strings.Contains(said, "memory: ") || !strings.Contains(said, "nothing is computed again") {
		t.Errorf("without options: %s", said)
	}
	got, said := train("again", "--gradient_checkpointing", "--memory-budget", "1GiB")
	if !bytes.Equal(want, got) || !strings.Contains(said, "are computed again, 0 in part") {
		t.Errorf("the same bits: %v; %s", bytes.Equal(want, got), said)
	}
	_, said = invoke(t, exitUsage, "train", "--model", model, "--cache", cacheDir, "--output", filepath.Join(dir, "run"), "--memory-budget", "3 gigs")
	if !strings.Contains(said, `memory_budget: "3 gigs" is no size`) {
		t.Errorf("a budget that is no size: %s", said)
	}
	_, said = invoke(t, exitFailed, "train", "--model", model, "--cache", cacheDir, "--output", filepath.Join(dir, "run"), "--memory-budget", "10MB")
	if !strings.Contains(said, "memory_budget is too small: ") || !strings.Contains(said, "takes at least ") {
		t.Errorf("a budget that is too small: %s", said)
	}
}

// A cache in which one sum differs by one unit in the last place is refused, by the name of the pair.
func TestOneUlp(t *testing.T) {
	model, pairs := demoFiles(t)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	invoke(t, exitDone, "precompute", "--model", model, "--pairs", pairs, "--cache", good, "--limit", "8")
	changed := rows(t, good)
	victim := &changed[3]
	victim.RefRejectedLogps = math.Nextafter(victim.RefRejectedLogps, 0)
	rewrite(t, good, bad, changed)

	invoke(t, exitDone, "verify", "--cache", bad)
	_, errs := invoke(t, exitFailed, "train", "--model", model, "--cache", bad, "--output", filepath.Join(dir, "run"))
	if !strings.Contains(errs, victim.ID) || !strings.Contains(errs, "does not reproduce the cache") {
		t.Errorf("the message does not name pair %s:\n%s", victim.ID, errs)
	}
	_, errs = invoke(t, exitFailed, "verify", "--cache", bad, "--model", model, "--sample", "0")
	if !strings.Contains(errs, victim.ID) {
		t.Errorf("verify does not name pair %s:\n%s", victim.ID, errs)
	}
}

// rewrite makes a cache of rows, without token values, under the fingerprint and view of another.
func rewrite(t *testing.T, from, to string, pairs []schemas.CachedPair) {
	t.Helper()
	src, err := storage.Local(from)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := cache.Open(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	view, err := snapshot.ViewInfo("")
	if err != nil {
		t.Fatal(err)
	}
	dst, err := storage.Local(to)
	if err != nil {
		t.Fatal(err)
	}
	run := schemas.Run{ID: "rewritten", Fingerprint: snapshot.Manifest().Fingerprint}
	claim, err := cache.Begin(t.Context(), dst, run)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	sink := cache.NewSink(dst, cache.Options{Run: run.ID, Fingerprint: run.Fingerprint, TokenLogps: false})
	for _, p := range pairs {
		p.RefChosenTokenLogps, p.RefRejectedTokenLogps = nil, nil
		if err := sink.Write(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	done, err := sink.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := (cache.Commit{Run: run, View: view, Done: []cache.Done{done}}).Do(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
}

func TestDemo(t *testing.T) {
	out, _ := invoke(t, exitDone, "demo", "--output", filepath.Join(t.TempDir(), "demo"))
	for _, want := range []string{"$ steelyard precompute", "$ steelyard train", "rewards/margins", "metrics.jsonl", "model.safetensors"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
}
