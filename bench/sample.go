package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

// every is which pairs make the sample: every 8th of those whose prompt is shorter than the maximal length, as bench/peers/pairs.py takes it.
const every = 8

// A sample is real pairs, as they were read and as tokens.
type sample struct {
	window []schemas.TokenPair
	rows   string // a file of the rows as they were read
	tokens string // a file of the pairs, as scoreJob takes them
	few    string // the same of the first ablated pairs
}

// takeSample reads the sample from a JSON array of rows, cut at so many tokens, and writes its files into dir. A limit of 0 is none.
func takeSample(ctx context.Context, model, data, dir string, maxLength, limit int) (*sample, error) {
	encoder, err := tokenize.NewEncoder(tokenize.Options{Tokenizer: model, MaxLength: maxLength})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(data)
	if err != nil {
		return nil, err
	}
	var rows, taken []json.RawMessage
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("%s: %w", data, err)
	}
	inputs, err := pairs.Inputs(ctx, []string{data})
	if err != nil {
		return nil, err
	}
	items, err := pairs.Plan(ctx, inputs, pairs.Options{})
	if err != nil {
		return nil, err
	}
	s, kept := &sample{}, 0
	skip := func(schemas.Quarantined) error { return nil }
	for _, item := range items {
		err := pairs.Read(ctx, item, pairs.Options{}, func(p schemas.Pair) error {
			t, q := encoder.Encode(p)
			if q != nil { // a prompt of maxLength tokens or more
				return nil
			}
			if kept++; (kept-1)%every == 0 && (limit == 0 || len(s.window) < limit) {
				s.window = append(s.window, t)
				taken = append(taken, rows[t.Source.Pos])
			}
			return nil
		}, skip)
		if err != nil {
			return nil, err
		}
	}
	for i := range s.window {
		s.window[i].Raw, s.window[i].Meta = "", ""
	}
	s.rows, s.tokens, s.few = filepath.Join(dir, "rows.json"), filepath.Join(dir, "tokens.json"), filepath.Join(dir, "few.json")
	for path, v := range map[string]any{s.rows: taken, s.tokens: s.window, s.few: s.window[:min(ablated, len(s.window))]} {
		if err := writeJSON(path, v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// lengths returns what package work counts with.
func (s *sample) lengths() (out []work.Pair) {
	for _, p := range s.window {
		out = append(out, work.Pair{Prompt: len(p.PromptIDs), Chosen: len(p.ChosenIDs), Rejected: len(p.RejectedIDs)})
	}
	return out
}

func (s *sample) ids() (out []string) {
	for _, p := range s.window {
		out = append(out, p.ID)
	}
	return out
}

// onePair makes a pair of so many tokens, half of them its prompt and a quarter each completion, and returns files of it: of token ids as
// precompute reads them, and as scoreJob takes it.
func onePair(dir string, tokens, vocab int) (rows, window string, err error) {
	r := rand.New(rand.NewPCG(1, uint64(tokens)))
	take := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = r.Int32N(int32(vocab))
		}
		return ids
	}
	p := schemas.TokenPair{PromptIDs: take(tokens / 2), ChosenIDs: take(tokens / 4), RejectedIDs: take(tokens / 4)}
	rows, window = filepath.Join(dir, "pair.json"), filepath.Join(dir, "window.json")
	err = writeJSON(rows, []map[string]any{{"prompt_ids": p.PromptIDs, "chosen_ids": p.ChosenIDs, "rejected_ids": p.RejectedIDs}})
	if err == nil {
		err = writeJSON(window, []schemas.TokenPair{p})
	}
	return rows, window, err
}

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	return err
}
