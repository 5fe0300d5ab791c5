package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// A layout says what goes through the model, and how.
type layout string

// The layouts. All but the first are what this program does not do, laid out for it to do all the same.
const (
	asBuilt  layout = "as built"              // reflogp.ScoreWindow
	apart    layout = "prefix sharing off"    // each completion with a prompt of its own
	padded   layout = "padding on"            // groups of 4 pairs in order of the data, filled up to the longest of them
	asRows   layout = "both"                  // apart and padded
	headFull layout = "both, head everywhere" // and the head at every position
)

// A scoreJob is a reference pass over pairs.
type scoreJob struct {
	Model       string
	Pairs       string // a file of schemas.TokenPairs, as JSON
	Threads     int
	BatchTokens int
	Layout      layout
}

// A scoreResult is what came of it.
type scoreResult struct {
	Load    float64 // seconds until the first batch could be scored
	Seconds float64
	Tokens  int // that went through the model
	Batches int
	Sums    [][2]float64 // chosen and rejected, in order of the pairs; of asBuilt only
	Peak    int64        // bytes
}

func (j *scoreJob) do(ctx context.Context) (*scoreResult, error) {
	window, err := readPairs(j.Pairs)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	d, err := checkpoint.Open(j.Model)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	scorer, err := cpu.NewScorer(d, config, cpu.Options{Threads: j.Threads})
	if err != nil {
		return nil, err
	}
	defer scorer.Close()
	r := &scoreResult{Load: time.Since(begin).Seconds()}
	if _, err := scorer.Score(ctx, pairBatch(window[0]), 0); err != nil { // the weights are in memory from here on
		return nil, err
	}
	begin = time.Now()
	if j.Layout == asBuilt {
		err = j.window(ctx, scorer, window, r)
	} else {
		err = j.batches(ctx, scorer, window, r)
	}
	r.Seconds, r.Peak = time.Since(begin).Seconds(), host.PeakMemory()
	return r, err
}

// window scores pairs as precompute does.
func (j *scoreJob) window(ctx context.Context, scorer model.Scorer, window []schemas.TokenPair, r *scoreResult) error {
	sums := map[schemas.Source][2]float64{}
	var bad error
	err := reflogp.ScoreWindow(ctx, scorer, window, j.BatchTokens, reflogp.Output{
		Pair: func(p schemas.CachedPair) { sums[p.Source] = [2]float64{p.RefChosenLogps, p.RefRejectedLogps} },
		Bad:  func(q schemas.Quarantined) { bad = fmt.Errorf("row %d: %s", q.Source.Pos, q.Reason) },
		Batch: func(b reflogp.Batch) {
			r.Batches++
			r.Tokens += b.Tokens
		},
	})
	for _, p := range window {
		r.Sums = append(r.Sums, sums[p.Source])
	}
	return cmp.Or(err, bad)
}

// batches scores pairs in another layout.
func (j *scoreJob) batches(ctx context.Context, scorer model.Scorer, window []schemas.TokenPair, r *scoreResult) error {
	for _, b := range layOut(window, j.Layout, j.BatchTokens) {
		r.Batches++
		r.Tokens += len(b.Tokens)
		if _, err := scorer.Score(ctx, b, 0); err != nil {
			return err
		}
	}
	return nil
}

// A sequence is a prompt with completions.
type sequence struct {
	prompt      []int32
	completions [][]int32
}

func (s sequence) tokens() int {
	n := len(s.prompt)
	for _, c := range s.completions {
		n += len(c)
	}
	return n
}

// fill returns the sequence with so many tokens, the ones that it lacks in front of its prompt. Their values are of no matter.
func (s sequence) fill(tokens int) sequence {
	if lacking := tokens - s.tokens(); lacking > 0 {
		s.prompt = slices.Concat(slices.Repeat(s.prompt[:1], lacking), s.prompt)
	}
	return s
}

// layOut cuts pairs into batches: by length and a budget of tokens where nothing is filled up, else 4 pairs at a time as they come.
func layOut(window []schemas.TokenPair, how layout, tokens int) (batches []model.Batch) {
	var all []sequence
	for _, p := range window {
		if how == padded {
			all = append(all, sequence{p.PromptIDs, [][]int32{p.ChosenIDs, p.RejectedIDs}})
		} else {
			all = append(all, sequence{p.PromptIDs, [][]int32{p.ChosenIDs}}, sequence{p.PromptIDs, [][]int32{p.RejectedIDs}})
		}
	}
	add := func(batch []sequence) {
		var b model.Batch
		for _, s := range batch {
			b.Add(s.prompt, s.completions...)
		}
		batches = append(batches, b)
	}
	if how == apart {
		slices.SortStableFunc(all, func(a, b sequence) int { return cmp.Compare(b.tokens(), a.tokens()) })
		for from := 0; from < len(all); {
			to, sum := from+1, all[from].tokens()
			for to < len(all) && sum+all[to].tokens() <= tokens {
				sum += all[to].tokens()
				to++
			}
			add(all[from:to])
			from = to
		}
		return batches
	}
	const pairs = 4
	for batch := range slices.Chunk(all, pairs*len(all)/len(window)) {
		longest := 0
		for _, s := range batch {
			longest = max(longest, s.tokens())
		}
		for i, s := range batch {
			s = s.fill(longest)
			if how == headFull {
				s.prompt, s.completions = s.prompt[:1], [][]int32{slices.Concat(s.prompt[1:], s.completions[0])}
			}
			batch[i] = s
		}
		add(batch)
	}
	return batches
}

func pairBatch(p schemas.TokenPair) (b model.Batch) {
	b.Add(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	return b
}

func readPairs(path string) (window []schemas.TokenPair, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &window)
	}
	if err == nil && len(window) == 0 {
		err = fmt.Errorf("%s holds no pairs", path)
	}
	return window, err
}
