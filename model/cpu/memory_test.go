package cpu

import (
	"context"
	"runtime"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
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
	p, err := newPlan(b, c)
	if err != nil {
		t.Fatal(err)
	}
	e.newRun(p, toTrain)
	if got, logits := len(e.arena.buf), b.Scored()*c.Vocab; got > logits/50 {
		t.Errorf("the buffers hold %d numbers, the logits would be %d", got, logits)
	}
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
