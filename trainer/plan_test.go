package trainer

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlan counts by hand what transformers 5.23.0 does: groups of an epoch = ⌈rows/batch⌉, steps of an epoch = ⌈groups/accumulation⌉,
// steps = ⌈epochs · steps of an epoch⌉ unless max_steps says so.
func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name                          string
		rows, batch, accum, max       int
		epochs                        float64
		groups, perEpoch, total       int
		last                          []span  // of the first epoch
		lastEpochs, first, afterFirst float64 // epochs done after the first step, and one past the first epoch
	}{
		// The golden run full_sigmoid: 14 pairs are 7 groups of 2, so 3 steps of 2 groups and one of 1.
		{"golden", 14, 2, 2, 10, 3, 7, 4, 10, []span{{12, 14}}, 1, 2. / 7, 1 + 2./7},
		// The golden run full_aot_sft_tail: the last group has 2 of 4 pairs.
		{"tail", 14, 4, 2, 10, 3, 4, 2, 10, []span{{8, 12}, {12, 14}}, 1, 0.5, 1.5},
		{"epochs", 14, 2, 2, -1, 2.5, 7, 4, 10, []span{{12, 14}}, 1, 2. / 7, 1 + 2./7},
		{"a fraction of a step", 5, 1, 1, -1, 0.1, 5, 5, 1, []span{{4, 5}}, 1, 0.2, 1.2},
		{"one pair", 1, 8, 4, -1, 3, 1, 1, 3, []span{{0, 1}}, 1, 1, 2},
		{"exact", 8, 2, 2, -1, 1, 4, 2, 2, []span{{4, 6}, {6, 8}}, 1, 0.5, 1.5},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := DefaultOptions()
			o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps, o.MaxSteps, o.NumTrainEpochs = test.batch, test.accum, test.max, test.epochs
			p := newPlan(test.rows, o)
			if p.groups != test.groups || p.perEp != test.perEpoch || p.total != test.total {
				t.Errorf("got %d groups, %d steps an epoch, %d steps; want %d, %d, %d", p.groups, p.perEp, p.total, test.groups, test.perEpoch, test.total)
			}
			epoch, groups := p.step(p.perEp - 1)
			if diff := cmp.Diff(test.last, groups); epoch != 0 || diff != "" {
				t.Errorf("last step of epoch %d (-want +got):\n%s", epoch, diff)
			}
			if got := p.epochs(p.perEp); got != test.lastEpochs {
				t.Errorf("%v epochs after the first, want %v", got, test.lastEpochs)
			}
			if got := p.epochs(1); math.Abs(got-test.first) > 1e-15 {
				t.Errorf("%v epochs after step 1, want %v", got, test.first)
			}
			if got := p.epochs(p.perEp + 1); math.Abs(got-test.afterFirst) > 1e-15 {
				t.Errorf("%v epochs after step %d, want %v", got, p.perEp+1, test.afterFirst)
			}
		})
	}
}

// TestPlanCoversEpochs: every epoch has every row once, in whatever sizes.
func TestPlanCoversEpochs(t *testing.T) {
	for rows := 1; rows <= 20; rows++ {
		for batch := 1; batch <= 5; batch++ {
			for accum := 1; accum <= 4; accum++ {
				o := DefaultOptions()
				o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps = batch, accum
				p := newPlan(rows, o)
				at := 0
				for k := range 2 * p.perEp {
					epoch, groups := p.step(k)
					if k%p.perEp == 0 {
						at = 0
					}
					for _, g := range groups {
						if g.From != at || g.To <= g.From || epoch != k/p.perEp {
							t.Fatalf("%d rows by %d by %d, step %d: group %v of epoch %d after row %d", rows, batch, accum, k, g, epoch, at)
						}
						at = g.To
					}
					if got, want := p.pairs(k+1), epoch*rows+at; got != want {
						t.Fatalf("%d rows by %d by %d: %d pairs after step %d, want %d", rows, batch, accum, got, k, want)
					}
					if p.endsEpoch(k+1) != (at == rows) {
						t.Fatalf("%d rows by %d by %d: step %d ends at row %d", rows, batch, accum, k, at)
					}
				}
			}
		}
	}
}

func TestWarmup(t *testing.T) {
	for _, test := range []struct {
		steps, ratio float64
		want         int
	}{{0, 0, 0}, {3, 0, 3}, {0.25, 0, 3}, {0, 0.25, 3}, {0, 1, 10}, {1, 0, 1}, {2.9, 0, 2}} {
		o := DefaultOptions()
		o.WarmupSteps, o.WarmupRatio, o.MaxSteps = test.steps, test.ratio, 10
		if got := newPlan(14, o).warmup(o); got != test.want {
			t.Errorf("warmup_steps %v, warmup_ratio %v of 10 steps: got %d, want %d", test.steps, test.ratio, got, test.want)
		}
	}
}
