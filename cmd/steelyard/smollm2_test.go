package main

import (
	"cmp"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

// A short run of a real model on real data: the 8 shortest pairs at max_length 256, scored and trained on for 2 steps of 4.
func TestSmolLM2(t *testing.T) {
	model := os.Getenv("STEELYARD_SMOLLM2")
	if model == "" {
		tol.SkipUnlessRequired(t, "STEELYARD_SMOLLM2 names no directory of SmolLM2-135M (make smollm2)")
	}
	if testing.Short() {
		t.Skip("minutes of computing; left out by -short")
	}
	out, _ := invoke(t, exitDone, "tokenize", "--model", model, "--pairs", realData(t), "--max-length", "256")
	type pair struct {
		PromptIDs   []int32 `json:"prompt_ids"`
		ChosenIDs   []int32 `json:"chosen_ids"`
		RejectedIDs []int32 `json:"rejected_ids"`
	}
	var all []pair
	for line := range strings.Lines(out) {
		var p pair
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	length := func(p pair) int { return len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs) }
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(length(a), length(b)) })

	dir := t.TempDir()
	pairs, cacheDir, runDir := filepath.Join(dir, "pairs.jsonl"), filepath.Join(dir, "cache"), filepath.Join(dir, "run")
	f, err := os.Create(pairs)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all[:8] {
		if err := json.NewEncoder(f).Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	process(t, "precompute", "--model", model, "--pairs", pairs, "--cache", cacheDir, "--max-length", "256", "--batch-tokens", "300")
	invoke(t, exitDone, "verify", "--cache", cacheDir, "--model", model, "--sample", "0")
	invoke(t, exitDone, "train", "--model", model, "--cache", cacheDir, "--output", runDir, "--max-steps", "2", "--learning-rate", "1e-5",
		"--per-device-train-batch-size", "2", "--gradient-accumulation-steps", "2", "--save-strategy", "no")
	steps := metrics(t, runDir)
	if len(steps) != 2 {
		t.Fatalf("%d steps, want 2", len(steps))
	}
	if s := steps[0]; s.Loss != math.Ln2 || s.RewardsMargins != 0 {
		t.Errorf("first step: loss %v, margins %v; want ln 2 and 0", s.Loss, s.RewardsMargins)
	}
	// The steps see different pairs, so a small step moves the second four margins by little, but never not at all.
	if s := steps[1]; s.RewardsMargins == 0 || math.Abs(s.Loss-math.Ln2) > 0.1 {
		t.Errorf("second step: loss %v, margins %v", s.Loss, s.RewardsMargins)
	}
}
