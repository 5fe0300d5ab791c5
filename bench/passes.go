package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/bench/report"
	"github.com/steelyard-ml/steelyard/bench/work"
	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

const loraRank = 16

// passes measures reference passes and training steps of ours and of the peers: ours before and after each peer, so that a drift of the
// machine meets both.
func (b *bench) passes(ctx context.Context) error {
	p := &report.Passes{MaxLength: b.maxLength, Pairs: b.sample.lengths(), IDs: b.sample.ids(), Steps: 3, Rank: loraRank, Budget: reflogp.DefaultBatchTokens}
	if b.quick {
		p.Steps = 1
	}
	p.Steps = min(p.Steps, max(len(p.Pairs)/4, 1))
	p.Warm = min(1, p.Steps-1)
	b.report.Passes = p
	if err := b.makeCache(ctx); err != nil {
		return err
	}
	for _, name := range b.order() {
		p.Gauge.Read(b.threads)
		begin := time.Now()
		r := b.pass(ctx, p, name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.Wall = time.Since(begin).Seconds()
		p.Runs = append(p.Runs, r)
		b.say("%s: %.1f s in all, reference pass %.2f s, training %.2f s, %d MB %s", name, r.Wall, r.Reference, r.Train, r.Peak/1e6, r.Failed)
	}
	p.Gauge.Read(b.threads)
	return nil
}

// order is the runs, one after the other.
func (b *bench) order() []string {
	ours := []string{report.Reference, report.Full}
	list := append([]string{}, ours...)
	if err := (cpu.Options{BF16: true}).Check(); err == nil {
		list = append(list, report.ReferenceBF16, report.Reference, report.ReferenceBF16)
	} else {
		b.leaveOut("%s: %v", report.ReferenceBF16, err)
	}
	for _, peer := range []string{report.Torch, report.TorchBF16, report.TRL} {
		list = append(append(list, peer), ours...)
	}
	for _, batch := range b.trlBatches {
		if batch != 1 {
			list = append(append(list, trlBatch(batch)), report.Full)
		}
	}
	list = append(list, report.LoRA, report.TRLLoRA, report.LoRA)
	list = append(list, report.Checkpointed, report.TRLCheckpointed, report.Checkpointed, report.Reference2048)
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again && b.quick || peer(name) && b.python.Interpreter == ""
	})
}

// peer says whether a run is a peer's.
func peer(name string) bool {
	return strings.HasPrefix(name, "PyTorch") || strings.HasPrefix(name, "TRL")
}

// trlBatch names TRL with another batch size.
func trlBatch(n int) string { return fmt.Sprintf("TRL, float32, batch %d", n) }

// pass does one run. A peer that fails is a gap in the page; so is an option that this build lacks.
func (b *bench) pass(ctx context.Context, p *report.Passes, name string) (r report.Run) {
	r.Name = name
	var err error
	switch name {
	case report.Reference:
		err = b.reference(ctx, &r, p.Budget, false)
	case report.ReferenceBF16:
		err = b.reference(ctx, &r, p.Budget, true)
	case report.Reference2048:
		err = b.reference(ctx, &r, 2048, false)
	case report.Full:
		err = b.training(ctx, &r, p, withoutIt)
		if errors.Is(err, errNoOption) {
			err = b.training(ctx, &r, p, nil)
		}
	case report.Checkpointed:
		err = b.training(ctx, &r, p, withCheckpointing)
	case report.LoRA:
		err = b.training(ctx, &r, p, withLoRA(p.Rank))
	default:
		err = b.peer(ctx, &r, p)
	}
	if err != nil {
		r.Failed = err.Error()
	}
	return r
}

func (b *bench) reference(ctx context.Context, r *report.Run, budget int, bf16 bool) error {
	var out scoreResult
	err := alone(ctx, job{Score: &scoreJob{Model: b.model, Pairs: b.sample.tokens, Threads: b.threads, BatchTokens: budget, Layout: work.AsBuilt, BF16: bf16}}, b.threads, &out)
	r.Reference, r.Peak, r.ReferencePeak, r.Logps, r.IDs = out.Seconds, out.Peak, out.Peak, out.Sums, b.sample.ids()
	return err
}

func (b *bench) training(ctx context.Context, r *report.Run, p *report.Passes, args []string) error {
	run := b.trainOn(b.cache, p.Steps, 4, args)
	run.warm = p.Warm
	t, err := run.run(ctx)
	r.Train, r.TrainPairs, r.Losses, r.Peak = t.seconds, len(p.Trained()), t.losses, t.peak
	return err
}

func (b *bench) trainOn(cache string, steps, batch int, args []string) training {
	return training{command: b.command, model: b.model, cache: cache, threads: b.threads, steps: steps, batch: batch, args: args}
}

// peer runs a peer by its name on the page.
func (b *bench) peer(ctx context.Context, r *report.Run, p *report.Passes) error {
	r.Peer, r.Counterpart = true, report.Full
	script, args := "trl_dpo.py", []string{}
	switch r.Name {
	case report.Torch:
		script = "torch_dpo.py"
	case report.TorchBF16:
		script, args = "torch_dpo.py", []string{"--bf16"}
	case report.TRLLoRA:
		args, r.Counterpart = []string{"--lora", strconv.Itoa(p.Rank)}, report.LoRA
	case report.TRLCheckpointed:
		args, r.Counterpart = []string{"--gradient-checkpointing"}, report.Checkpointed
	}
	for _, n := range b.trlBatches {
		if n != 1 && r.Name == trlBatch(n) {
			args = []string{"--batch-size", strconv.Itoa(n)}
		}
	}
	python := b.python
	python.Steps, python.Warm = p.Steps, p.Warm
	out, err := python.Run(ctx, script, args...)
	r.Reference, r.ReferencePeak, r.Train, r.TrainPairs = out.ReferenceS, int64(out.ReferencePeakMB*(1<<20)), out.TrainS, out.TrainPairs
	r.Losses, r.Peak, r.IDs, r.Logps = out.Losses, int64(out.PeakMB*(1<<20)), out.PairIDs, out.RefLogps
	maps.Copy(b.report.Versions, out.Versions)
	return err
}

// makeCache makes the cache of the sample that training reads, unless it is made, and measures that.
func (b *bench) makeCache(ctx context.Context) error {
	if b.cache != "" {
		return nil
	}
	dir := filepath.Join(b.dir, "cache")
	err := alone(ctx, job{Pipeline: &pipelineJob{Model: b.model, Input: b.sample.rows, Cache: dir, MaxLength: b.maxLength, Threads: b.threads}}, b.threads, &b.pipeline)
	if err != nil {
		return err
	}
	if b.pipeline.Pairs != int64(len(b.sample.window)) {
		return fmt.Errorf("the pipeline scored %d pairs of %d", b.pipeline.Pairs, len(b.sample.window))
	}
	b.cache = dir
	b.say("precompute: %.1f s, %.1f of them in the engine", b.pipeline.Wall, b.pipeline.Score)
	return nil
}

// shares measures what the parts around the engine take.
func (b *bench) shares(ctx context.Context) error {
	if err := b.makeCache(ctx); err != nil {
		return err
	}
	s := &report.Shares{Wall: b.pipeline.Wall, Load: b.pipeline.Load, Score: b.pipeline.Score, Pairs: b.pipeline.Pairs, PipelinePeak: b.pipeline.Peak}
	b.report.Shares = s
	if b.report.Passes == nil {
		return nil
	}
	for _, r := range b.report.Passes.Runs {
		if r.Name == report.Full && r.Failed == "" {
			steps := len(r.Losses) - b.report.Passes.Warm
			s.Step = r.Train / float64(steps)
			read, open, err := readRows(ctx, b.cache, b.dir, r.TrainPairs)
			if err != nil {
				return err
			}
			s.Read, s.Open = read/float64(steps), open
			return nil
		}
	}
	return nil
}

// readRows opens a cache and reads its first rows in order, as training does, and returns the seconds of reading and of opening.
func readRows(ctx context.Context, dir, scratch string, n int) (read, open float64, err error) {
	begin := time.Now()
	st, err := storage.Local(dir)
	if err != nil {
		return 0, 0, err
	}
	snapshot, err := cache.Open(ctx, st)
	if err != nil {
		return 0, 0, err
	}
	path := filepath.Join(scratch, "order.index")
	defer os.Remove(path)
	index, err := snapshot.Index(ctx, "", path)
	if err != nil {
		return 0, 0, err
	}
	defer index.Close()
	rows := snapshot.Rows(index)
	defer rows.Close()
	open, begin = time.Since(begin).Seconds(), time.Now()
	for i := range n {
		if _, err := rows.At(ctx, i); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin).Seconds(), open, nil
}
