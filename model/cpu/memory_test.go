package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/keep"
)

// The buffers of both passes over 2,048 completion tokens and a vocabulary of 128 k stay far under what the logits would take.
func TestLogitsNeverExistAtOnce(t *testing.T) {
	s := small{cfg: model.Config{Vocab: 128 << 10, Hidden: 16, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 8, Intermediate: 32}}
	c := s.model()
	c.MaxPositions = 4096
	held := map[string]tensor{}
	e := newEngine(c, held, nil, Options{Threads: 2})
	defer e.Close()
	var b model.Batch
	b.Add(make([]int32, 8), make([]int32, 1024), make([]int32, 1024))
	if err := e.batch.lay(b, c); err != nil {
		t.Fatal(err)
	}
	if err := e.prepare(&e.batch, toTrain); err != nil {
		t.Fatal(err)
	}
	if got, logits := e.arena.Bytes(), 4*int64(b.Scored()*c.Vocab); got > logits/50 {
		t.Errorf("the buffers hold %d bytes, the logits would take %d", got, logits)
	}
}

func limitMemory(t testing.TB, e *Engine, l model.MemoryLimit) {
	t.Helper()
	if err := e.LimitMemory(l); err != nil {
		t.Fatal(err)
	}
}

// kinds of limits: what is kept of three layers or more.
func limits(t testing.TB, e *Engine, b model.Batch) map[string]model.MemoryLimit {
	t.Helper()
	bytes := func(l model.MemoryLimit) int64 {
		limitMemory(t, e, l)
		if err := e.batch.lay(b, e.cfg); err != nil {
			t.Fatal(err)
		}
		n, err := e.choose(&e.batch, e.batch.sizes(), toTrain)
		if err != nil {
			t.Fatal(err)
		}
		return e.held + n
	}
	most, least := bytes(model.MemoryLimit{}), bytes(model.MemoryLimit{Checkpointing: true})
	if most <= least {
		t.Fatalf("everything kept takes %d bytes, nothing but inputs %d", most, least)
	}
	out := map[string]model.MemoryLimit{"checkpointing": {Checkpointing: true}, "least": {Bytes: least}, "all": {Bytes: most}}
	for i := range int64(3) {
		out[fmt.Sprintf("%d of 7 parts", 2*i+2)] = model.MemoryLimit{Bytes: least + (most-least)*(2*i+2)/7}
	}
	return out
}

// Scores, routers' values and gradients are the same bits whatever is kept, and the buffers take what was planned.
func TestSameBitsUnderAnyMemory(t *testing.T) {
	for _, s := range everyKind {
		if s.cfg.Layers < 3 { // those of three have lists of them
			s.cfg.Layers += 2
		}
		t.Run(s.name, func(t *testing.T) {
			w := randomWeights(s.model(), 3)
			b := batchOf(samples(s.cfg.Vocab, 4)...)
			d := randomGradient(b.Scored(), 6)
			step := func(e *Engine) (model.Scores, map[string][]float32) {
				scores, err := e.Forward(context.Background(), b, model.WantRouters)
				if err != nil {
					t.Fatal(err)
				}
				var dRouter [][]float32
				for range scores.Routers {
					dRouter = append(dRouter, randomGradient(s.cfg.Experts.Count, 7))
				}
				if err := e.Backward(context.Background(), d, dRouter); err != nil {
					t.Fatal(err)
				}
				grads := map[string][]float32{}
				for _, p := range e.Params() {
					grads[p.Name] = p.Grad
				}
				return scores, grads
			}
			wantScores, wantGrads := step(s.trainable(t, w, Options{Threads: 1}))
			again := map[keep.Level]int{}
			threadCounts := []int{1, 2, 3, 7}
			if testing.Short() {
				threadCounts = []int{2}
			}
			for _, threads := range threadCounts {
				for name, limit := range limits(t, s.trainable(t, w, Options{Threads: threads}), b) {
					e := s.trainable(t, w, Options{Threads: threads})
					limitMemory(t, e, limit)
					scores, grads := step(e)
					if diff := cmp.Diff(wantScores, scores) + cmp.Diff(wantGrads, grads); diff != "" {
						t.Fatalf("%s, %d threads: %s", name, threads, diff)
					}
					if holds := e.held + e.panels + e.arena.Bytes(); limit.Bytes > 0 && holds > limit.Bytes {
						t.Errorf("%s, %d threads: holds %d bytes of %d", name, threads, holds, limit.Bytes)
					}
					for _, l := range e.batch.keeps {
						again[l]++
					}
				}
			}
			if again[keep.All] == 0 || again[keep.Most] == 0 || again[keep.Input] == 0 {
				t.Errorf("levels of layers: %v", again)
			}
		})
	}
}

// A limit under which a batch can't be computed is refused by what it would take, and that is enough.
func TestLeastMemory(t *testing.T) {
	s := smalls[0]
	s.cfg.Layers = 5
	e := s.trainable(t, randomWeights(s.model(), 3), Options{})
	b := batchOf(samples(s.cfg.Vocab, 4)...)
	limitMemory(t, e, model.MemoryLimit{Bytes: 1})
	_, err := e.Forward(context.Background(), b, 0)
	var refused *model.MemoryError
	if !errors.As(err, &refused) || refused.Limit != 1 || refused.Tokens != len(b.Tokens) {
		t.Fatalf("got %v", err)
	}
	limitMemory(t, e, model.MemoryLimit{Bytes: refused.Least - 1})
	if _, err := e.Forward(context.Background(), b, 0); !errors.As(err, &refused) {
		t.Errorf("one byte less than the least: %v", err)
	}
	limitMemory(t, e, model.MemoryLimit{Bytes: refused.Least})
	train(t, e, b, randomGradient(b.Scored(), 1))
}

// What is planned for so many tokens is what a batch of them takes.
func TestPlanMemory(t *testing.T) {
	s := smalls[1]
	s.cfg.Layers = 5
	e := s.trainable(t, randomWeights(s.model(), 3), Options{})
	var b model.Batch
	b.Add(make([]int32, 1), make([]int32, 70), make([]int32, 29))
	for _, limit := range limits(t, e, b) {
		limitMemory(t, e, limit)
		planned, err := e.PlanMemory(len(b.Tokens))
		if err != nil {
			t.Fatal(err)
		}
		train(t, e, b, randomGradient(b.Scored(), 1))
		most, input := 0, 0
		for _, l := range e.batch.keeps {
			switch l {
			case keep.Most:
				most++
			case keep.Input:
				input++
			}
		}
		got := model.MemoryPlan{Weights: e.held, Buffers: e.panels + e.arena.Bytes(), Layers: 5, Recomputed: input, Partly: most}
		// The one token that is not scored may make a cache line.
		if got.Buffers += 64; planned.Buffers != got.Buffers && planned.Buffers != got.Buffers-64 {
			t.Errorf("%+v: planned %+v, took %+v", limit, planned, got)
		}
		if got.Buffers = planned.Buffers; planned != got {
			t.Errorf("%+v: planned %+v, took %+v", limit, planned, got)
		}
	}
}

// The buffers of a step grow with the length of a pair, whatever is kept; the square of the length would show.
func TestMemoryGrowsLinearly(t *testing.T) {
	s := small{cfg: model.Config{Vocab: 300, Hidden: 64, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 192}}
	for _, checkpointing := range []bool{false, true} {
		c := s.model()
		c.MaxPositions = 8192
		e := newEngine(c, map[string]tensor{}, nil, Options{Threads: 2})
		defer e.Close()
		limitMemory(t, e, model.MemoryLimit{Checkpointing: checkpointing})
		var at []int64
		for _, n := range []int{1024, 2048, 4096, 8192} {
			p, err := e.PlanMemory(n)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("checkpointing %v: %d tokens take %d bytes", checkpointing, n, p.Buffers)
			at = append(at, p.Buffers)
		}
		for i := 2; i < len(at); i++ {
			if got, want := at[i]-at[i-1], 2*(at[i-1]-at[i-2]); math.Abs(float64(got-want)) > 1e-3*float64(want) {
				t.Errorf("checkpointing %v: twice as many tokens more take %d bytes more, want %d: %d", checkpointing, got, want, at)
			}
		}
	}
}

// steady returns what is done with a batch again and again.
func (s small) steady(t testing.TB) (score, step func()) {
	t.Helper()
	e := s.trainable(t, randomWeights(s.model(), 3), Options{Threads: 2})
	b := batchOf(samples(s.cfg.Vocab, 4)...)
	d := randomGradient(b.Scored(), 1)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
			_, err := e.Score(context.Background(), b, 0)
			check(err)
		}, func() {
			_, err := e.Forward(context.Background(), b, 0)
			check(err)
			check(e.Backward(context.Background(), d, nil))
		}
}

// With a batch like the last Score allocates its result and nothing else, a training step nothing, in every kind of model.
func TestSteadyStateAllocations(t *testing.T) {
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			score, step := s.steady(t)
			if n := allocations(score, 1); n != 1 {
				t.Errorf("Score allocates %v times, want once", n)
			}
			if n := allocations(step, 0); n != 0 {
				t.Errorf("Forward and Backward allocate %v times", n)
			}
		})
	}
}

// allocations counts those of a call: the least of some counts, as the runtime allocates now and then, unless it is what is wanted.
func allocations(call func(), want float64) float64 {
	least := testing.AllocsPerRun(2, call)
	for try := 0; least > want && try < 5; try++ {
		least = min(least, testing.AllocsPerRun(2, call))
	}
	return least
}

// Once the buffers have grown, a call allocates its result and its plan: nothing that grows with layers, width or vocabulary.
func TestSteadyStateAllocatesLittle(t *testing.T) {
	s := small{cfg: model.Config{Vocab: 3000, Hidden: 64, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 512}}
	w := randomWeights(s.model(), 1)
	b := batchOf(samples(s.cfg.Vocab, 2)...)
	scorer, trained := s.scorer(t, w, checkpoint.BF16, Options{Threads: 2}), s.trainable(t, w, Options{Threads: 2})
	d := randomGradient(b.Scored(), 1)
	for _, x := range []struct {
		name string
		call func() error
	}{
		{"Score", func() error {
			_, err := scorer.Score(context.Background(), b, 0)
			return err
		}},
		{"Forward and Backward", func() error {
			_, err := trained.Forward(context.Background(), b, 0)
			if err != nil {
				return err
			}
			return trained.Backward(context.Background(), d, nil)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var before, after runtime.MemStats
			for range 4 { // which worker's buffers grow is chance
				if err := x.call(); err != nil {
					t.Fatal(err)
				}
			}
			const calls = 10
			runtime.ReadMemStats(&before)
			for range calls {
				if err := x.call(); err != nil {
					t.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			bytes := int(after.TotalAlloc-before.TotalAlloc) / calls
			layer := 4 * len(b.Tokens) * s.cfg.Intermediate
			t.Logf("%d bytes a call; one layer's feed-forward takes %d", bytes, layer)
			if bytes > layer/2 {
				t.Errorf("%d bytes a call", bytes)
			}
		})
	}
}
