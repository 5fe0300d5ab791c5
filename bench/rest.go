package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/bench/report"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// ablated is how many pairs of the sample the ablations are over.
const ablated = 12

// ablation measures reference passes with parts of this program's ways undone.
func (b *bench) ablation(ctx context.Context) error {
	a := &report.Ablation{Pairs: min(ablated, len(b.sample.window))}
	b.report.Ablation = a
	for _, c := range []struct {
		layout work.Layout
		what   string
	}{
		{work.AsBuilt, "a pair's prompt once, batches by length and tokens"},
		{work.Apart, "each completion behind a prompt of its own"},
		{work.Padded, "4 pairs as they come, filled up to the longest of them"},
		{work.Rows, "4 pairs as they come, 8 sequences, filled up to the longest of them"},
		{work.HeadEverywhere, "the same, every position scored, as TRL does without a GPU"},
	} {
		var out scoreResult
		j := &scoreJob{Model: b.model, Pairs: b.sample.few, Threads: b.threads, BatchTokens: reflogp.DefaultBatchTokens, Layout: c.layout}
		row := report.Case{Layout: string(c.layout), What: c.what}
		if err := alone(ctx, job{Score: j}, b.threads, &out); err != nil {
			row.Failed = err.Error()
		}
		row.Seconds, row.Tokens, row.Batches, row.Peak = out.Seconds, out.Tokens, out.Batches, out.Peak
		a.Cases = append(a.Cases, row)
		b.say("%s: %.2f s", c.layout, row.Seconds)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// length measures pairs of growing length.
func (b *bench) length(ctx context.Context) error {
	lengths := []int{256, 512, 1024, 2048, 4096, 8192}
	if b.quick {
		lengths = lengths[:3]
	}
	l := &report.Length{Checkpointing: true}
	b.report.Length = l
	for _, n := range lengths {
		p, err := b.point(ctx, l, n)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			p.Failed = err.Error()
		}
		l.Points = append(l.Points, p)
		b.say("%d tokens: reference pass %.2f s, training step %.2f s, %d MB %s", n, p.Reference, p.Train, p.TrainPeak/1e6, p.Failed)
	}
	return nil
}

func (b *bench) point(ctx context.Context, l *report.Length, n int) (report.Point, error) {
	p := report.Point{Tokens: n}
	dir, err := os.MkdirTemp(b.dir, "length-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(dir)
	rows, window, err := onePair(dir, n, b.report.Config.Vocab)
	if err != nil {
		return p, err
	}
	var scored scoreResult
	j := &scoreJob{Model: b.model, Pairs: window, Threads: b.threads, BatchTokens: reflogp.DefaultBatchTokens, Layout: work.AsBuilt}
	if err := alone(ctx, job{Score: j}, b.threads, &scored); err != nil {
		return p, err
	}
	p.Reference, p.ReferencePeak = scored.Seconds, scored.Peak
	var made pipelineResult
	cache := filepath.Join(dir, "cache")
	if err := alone(ctx, job{Pipeline: &pipelineJob{Model: b.model, Input: rows, Cache: cache, Threads: b.threads}}, b.threads, &made); err != nil {
		return p, err
	}
	t, err := b.trainOn(cache, 1, 1, withCheckpointing).run(ctx)
	if errors.Is(err, errNoOption) {
		l.Checkpointing = false
		t, err = b.trainOn(cache, 1, 1, nil).run(ctx)
	}
	p.Train, p.TrainPeak = t.seconds, t.peak
	return p, err
}
