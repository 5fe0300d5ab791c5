package cpu

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJoin takes values and gradients of layers computed as one and each for itself: the same bits.
func TestJoin(t *testing.T) {
	joins := 0
	for _, s := range everyKind {
		w := randomWeights(s.model(), 3)
		b := batchOf(samples(s.cfg.Vocab, 4)...)
		d := randomGradient(b.Scored(), 6)
		run := func(joined bool) (scores, grads any) {
			e := s.trainable(t, w, Options{})
			for i := range e.w.layers {
				l := &e.w.layers[i]
				for _, net := range append([]*network{&l.mlp}, networks(l.expert)...) {
					if net.gate.w.Rows == 0 || net.gateUp.w.Rows == 0 {
						continue
					}
					if joined {
						joins++
					} else {
						net.gateUp = linear{}
					}
				}
				switch {
				case l.q.w.Rows == 0 || l.qkv.w.Rows == 0:
				case joined:
					joins++
				default:
					l.qkv = linear{}
				}
			}
			return train(t, e, b, d)
		}
		oneScores, oneGrads := run(true)
		scores, grads := run(false)
		if diff := cmp.Diff(scores, oneScores); diff != "" {
			t.Errorf("%s: scores differ: %s", s.name, diff)
		}
		if diff := cmp.Diff(grads, oneGrads); diff != "" {
			t.Errorf("%s: gradients differ: %s", s.name, diff)
		}
	}
	if joins < 10 {
		t.Errorf("only %d layers were joined", joins)
	}
}

func networks(all []network) (out []*network) {
	for i := range all {
		out = append(out, &all[i])
	}
	return out
}

// TestJoined: slices are one where the second begins right where the first ends.
func TestJoined(t *testing.T) {
	all := make([]float32, 10)
	other := make([]float32, 4)
	for _, c := range []struct {
		a, b []float32
		want bool
	}{
		{all[:4], all[4:7], true}, {nil, nil, true}, {all[:4], all[5:7], false}, {all[:4:4], all[4:7], false}, {all[:4], other, false},
		{all[:4], nil, false}, {nil, all[:4], false}, {all[4:], all[:4], false},
	} {
		var both []float32
		if got := joined(&both, c.a, c.b); got != c.want || got && len(both) != len(c.a)+len(c.b) {
			t.Errorf("%d and %d elements: %v, %d together", len(c.a), len(c.b), got, len(both))
		}
	}
}
