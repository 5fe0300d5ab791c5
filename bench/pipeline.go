package main

import (
	"context"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// timedName is the engine of the CPU with a clock beside it, so that what a run spends elsewhere can be told from the run itself.
const timedName = "timed"

func init() { reflogp.Register(timedName, &clock) }

// A timed engine counts the time that model and engine take.
type timed struct{ load, score time.Duration }

var clock timed

func (t *timed) Describe(m reflogp.Model) (*reflogp.Reference, error) {
	defer func(begin time.Time) { t.load += time.Since(begin) }(time.Now())
	return reflogp.Open(context.Background(), "", m)
}

func (t *timed) Load(m reflogp.Model, threads int) (model.Scorer, error) {
	defer func(begin time.Time) { t.load += time.Since(begin) }(time.Now())
	d, config, err := m.Open()
	if err != nil {
		return nil, err
	}
	scorer, err := cpu.NewScorer(d, config, cpu.Options{Threads: threads}) // d stays open, as in reflogp
	return timedScorer{scorer, t}, err
}

type timedScorer struct {
	model.Scorer
	t *timed
}

// Score is called for one batch at a time.
func (s timedScorer) Score(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	defer func(begin time.Time) { s.t.score += time.Since(begin) }(time.Now())
	return s.Scorer.Score(ctx, b, want)
}

// A pipelineJob makes a cache, on runner direct, as precompute does.
type pipelineJob struct {
	Model, Input, Cache string
	MaxLength           int
	Threads             int
}

// A pipelineResult is what came of it. Seconds.
type pipelineResult struct {
	Wall  float64 // of all, from the claim of the directory to the commit
	Load  float64 // of it, reading, digesting and preparing the model
	Score float64 // of it, in the engine
	Pairs int64
	Peak  int64 // bytes
}

func (j *pipelineJob) do(ctx context.Context) (*pipelineResult, error) {
	runners.Init()
	o := pipelines.DefaultOptions()
	o.Inputs, o.Model.Dir, o.Cache, o.MaxLength, o.Threads, o.Engine = []string{j.Input}, j.Model, j.Cache, j.MaxLength, j.Threads, timedName
	o.Execute = func(ctx context.Context, p *beam.Pipeline) (map[string]int64, error) {
		r, err := runners.Run(ctx, o.Runner, p)
		return r.Counters, err
	}
	s, err := pipelines.RunPrecompute(ctx, o)
	return &pipelineResult{Wall: s.Elapsed.Seconds(), Load: clock.load.Seconds(), Score: clock.score.Seconds(), Pairs: s.Run.Counts.Scored,
		Peak: host.PeakMemory()}, err
}
