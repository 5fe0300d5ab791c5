package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// A scoreJob is a reference pass over pairs.
type scoreJob struct {
	Model       string
	Pairs       string // a file of schemas.TokenPairs, as JSON
	Threads     int
	BatchTokens int
	Layout      work.Layout
	BF16        bool
}

// A scoreResult is what came of it.
type scoreResult struct {
	Seconds float64
	Tokens  int // that went through the model
	Batches int
	Sums    [][2]float64 // chosen and rejected, in order of the pairs; of work.AsBuilt only
	Peak    int64        // bytes
}

func (j *scoreJob) do(ctx context.Context) (*scoreResult, error) {
	window, err := readPairs(j.Pairs)
	if err != nil {
		return nil, err
	}
	d, err := checkpoint.Open(j.Model)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	scorer, err := cpu.NewScorer(d, config, cpu.Options{Threads: j.Threads, BF16: j.BF16})
	if err != nil {
		return nil, err
	}
	defer scorer.Close()
	r := &scoreResult{}
	if _, err := scorer.Score(ctx, pairBatch(window[0]), 0); err != nil { // the weights are in memory from here on
		return nil, err
	}
	begin := time.Now()
	if j.Layout == work.AsBuilt {
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
	for _, b := range work.LayOut(window, j.Layout, j.BatchTokens) {
		r.Batches++
		r.Tokens += len(b.Tokens)
		if _, err := scorer.Score(ctx, b, 0); err != nil {
			return err
		}
	}
	return nil
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
