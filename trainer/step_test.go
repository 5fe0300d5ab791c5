package trainer

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/trainer/loss"
)

// oneStep takes the first step of a table policy under a loss, cut as given, and returns its metrics, the weights and the batches.
func oneStep(t *testing.T, l lossOf, microTokens int) (Metrics, []float32, []int) {
	t.Helper()
	policy := newTable(3, 7, 0.5, -1, 0.25, 2, 0, 1, -0.5, 1)
	o := smallOptions()
	o.PerDeviceTrainBatchSize, o.MicroBatchTokens, o.TrainSamplingStrategy = 3, microTokens, SamplingSequential
	o.LRSchedulerType, o.WarmupSteps = "constant", 0
	pairs := cached(t, policy, randomPairs(5, 3, 7)...)
	for i := range pairs { // a policy that has moved already
		pairs[i].RefChosenLogps -= float64(i)
		pairs[i].RefRejectedLogps += 0.5
	}
	r, _ := testRun(t, o, policy, pairs)
	r.identity.asserted = false
	if l != nil {
		r.loss = l
	}
	m, err := r.step(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, policy.table.Data, policy.batches
}

// TestCutsDontShow: five pairs are groups of 3 and 2; whatever goes through the model at a time, the step is the same. A loss that looks at
// whole groups sees whole groups.
func TestCutsDontShow(t *testing.T) {
	for _, test := range []struct {
		name string
		loss lossOf
	}{{"a loss of single pairs", nil}, {"a loss of whole groups", spreadLoss{}}} {
		t.Run(test.name, func(t *testing.T) {
			want, weights, batches := oneStep(t, test.loss, 1e6)
			if len(batches) != 1 {
				t.Fatalf("%d forwards, want 1", len(batches))
			}
			for _, tokens := range []int{1, 13, 20, 30} {
				got, w, batches := oneStep(t, test.loss, tokens)
				if len(batches) < 2 || tokens == 1 && len(batches) != 5 {
					t.Errorf("%d tokens at a time: batches of %v", tokens, batches)
				}
				// Sums of float32 gradients in another order: a few units in the last place. All else is the same to the bit.
				if math.Abs(got.GradNorm-want.GradNorm) > 1e-6*want.GradNorm {
					t.Errorf("%d tokens at a time: grad_norm is %v, want %v", tokens, got.GradNorm, want.GradNorm)
				}
				got.GradNorm = want.GradNorm
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d tokens at a time (-whole +cut):\n%s", tokens, diff)
				}
				for i := range w {
					if math.Abs(float64(w[i]-weights[i])) > 1e-4 { // of a step of 0.1; AdamW's first is ±lr
						t.Errorf("%d tokens at a time: weight %d is %v, want %v", tokens, i, w[i], weights[i])
					}
				}
			}
		})
	}
}

// TestCutsOfAModel: the CPU's engine gives a step the same metrics to the bit however it is cut, and the same gradients but for the order of
// their float32 sums.
func TestCutsOfAModel(t *testing.T) {
	d, err := checkpoint.Open(filepath.Join(tol.Root(t), "testdata", "demo", "model"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := cpu.NewTrainable(d, c, cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	pairs := cached(t, policy, randomPairs(7, 500, 500)...)
	for i := range pairs { // a policy that has moved already
		pairs[i].RefChosenLogps -= float64(i)
	}
	o := smallOptions()
	o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps, o.TrainSamplingStrategy = 3, 3, SamplingSequential
	step := func(microTokens int) (Metrics, [][]float32) {
		o.MicroBatchTokens, o.OutputDir = microTokens, t.TempDir()
		r, _ := testRun(t, o, policy, pairs)
		r.identity.asserted = false
		s, groups, err := r.load(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		terms := make([]loss.Term, len(s))
		if err := r.backward(t.Context(), 0, s, groups, terms); err != nil {
			t.Fatal(err)
		}
		var grads [][]float32
		for _, p := range policy.Params() {
			grads = append(grads, slices.Clone(p.Grad))
			clear(p.Grad)
		}
		return average(o.Beta, 0, s, groups, terms), grads
	}
	want, wantGrads := step(1e6)
	for _, tokens := range []int{1, 20, 40} {
		got, grads := step(tokens)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d tokens at a time (-whole +cut):\n%s", tokens, diff)
		}
		for i, p := range policy.Params() {
			var off, norm float64
			for j, g := range wantGrads[i] {
				off += math.Pow(float64(grads[i][j])-float64(g), 2)
				norm += math.Pow(float64(g), 2)
			}
			if math.Sqrt(off) > 1e-6*math.Sqrt(norm) || norm == 0 {
				t.Errorf("%d tokens at a time: the gradient of %s is %.3g off, its norm is %.3g", tokens, p.Name, math.Sqrt(off), math.Sqrt(norm))
			}
		}
	}
}

func TestCut(t *testing.T) {
	pairs := make([]scored, 5)
	for i, n := range []int{4, 4, 9, 3, 5} { // one token each in chosen and rejected
		pairs[i].PromptIDs, pairs[i].ChosenIDs, pairs[i].RejectedIDs = make([]int32, n-2), make([]int32, 1), make([]int32, 1)
	}
	for _, test := range []struct {
		tokens int
		want   []span
	}{
		{1, []span{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}},
		{8, []span{{0, 2}, {2, 3}, {3, 5}}},
		{7, []span{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}},
		{24, []span{{0, 3}, {3, 5}}},         // 17 and 8 tokens; filling up would give 20 and 5
		{16, []span{{0, 2}, {2, 3}, {3, 5}}}, // 8, 9 and 8 tokens
		{25, []span{{0, 5}}},
		{math.MaxInt, []span{{0, 5}}},
	} {
		if got := cut(pairs, test.tokens); !slices.Equal(got, test.want) {
			t.Errorf("at %d tokens: got %v, want %v", test.tokens, got, test.want)
		}
	}
}

// Of all cuts in order that keep the budget, where a single pair may exceed it, there is none into fewer runs, nor into as many with a
// smaller largest one.
func TestCutIsBest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(3, 40), 1, 9).Draw(rt, "tokens")
		budget := rapid.IntRange(1, 100).Draw(rt, "budget")
		pairs := make([]scored, len(sizes))
		for i, n := range sizes {
			pairs[i].PromptIDs, pairs[i].ChosenIDs, pairs[i].RejectedIDs = make([]int32, n-2), make([]int32, 1), make([]int32, 1)
		}
		// judge returns the number of runs and the tokens of the largest, or that the budget is not kept.
		judge := func(cut []span) (runs, largest int, ok bool) {
			ok = true
			for _, c := range cut {
				n := 0
				for _, size := range sizes[c.From:c.To] {
					n += size
				}
				ok = ok && (n <= budget || c.To-c.From == 1)
				largest = max(largest, n)
			}
			return len(cut), largest, ok
		}
		got := cut(pairs, budget)
		runs, largest, ok := judge(got)
		if !ok || got[0].From != 0 || got[runs-1].To != len(sizes) {
			rt.Fatalf("%v of %v breaks the budget of %d, or leaves something out", got, sizes, budget)
		}
		for ends := range 1 << (len(sizes) - 1) { // bit i: a run ends behind pair i
			other := []span{{0, 1}}
			for i := range len(sizes) - 1 {
				if ends>>i&1 == 1 {
					other = append(other, span{i + 1, i + 1})
				}
				other[len(other)-1].To = i + 2
			}
			if n, most, ok := judge(other); ok && (n < runs || n == runs && most < largest) {
				rt.Fatalf("%v of %v at %d tokens has %d runs of up to %d; %v has %d of up to %d", got, sizes, budget, runs, largest, other, n, most)
			}
		}
	})
}

// TestGradientOfAStep holds the whole step's gradient against central differences of its loss: weights of groups and pairs included.
func TestGradientOfAStep(t *testing.T) {
	for _, l := range []lossOf{nil, spreadLoss{}} {
		policy := newTable(2, 4, 0.5, -1, 0.25, 2, 0, 1, -0.5, 1)
		o := smallOptions()
		o.PerDeviceTrainBatchSize, o.TrainSamplingStrategy = 3, SamplingSequential
		pairs := cached(t, policy, randomPairs(5, 2, 4)...)
		for i := range pairs {
			pairs[i].RefChosenLogps += 0.3 * float64(i)
		}
		r, _ := testRun(t, o, policy, pairs)
		r.identity.asserted = false
		if l != nil {
			r.loss = l
		}
		value := func() float64 {
			s, groups, err := r.load(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			terms := make([]loss.Term, len(s))
			if err := r.backward(t.Context(), 0, s, groups, terms); err != nil {
				t.Fatal(err)
			}
			return average(o.Beta, 0, s, groups, terms).Loss
		}
		value()
		got := slices.Clone(policy.table.Grad)
		const d = 1.0 / 64
		for i := range policy.table.Data {
			at := policy.table.Data[i]
			policy.table.Data[i] = at + d
			up := value()
			policy.table.Data[i] = at - d
			down := value()
			policy.table.Data[i] = at
			// float32 log-probabilities are off by 1e-6, the differences by d².
			if want := (up - down) / (2 * d); math.Abs(float64(got[i])-want) > 1e-3*math.Max(1, math.Abs(want)) {
				t.Errorf("%T: d loss / d weight %d: got %v, differences say %v", r.loss, i, got[i], want)
			}
		}
	}
}

// TestIdenticalCompletions: a pair whose completions are the same has no gradient, and a loss of ln 2.
func TestIdenticalCompletions(t *testing.T) {
	policy := newTable(2, 5, 1, 2, 3)
	pairs := randomPairs(4, 2, 5)
	for i := range pairs {
		pairs[i].RejectedIDs = pairs[i].ChosenIDs
	}
	o := smallOptions()
	o.WeightDecay = 0
	r, _ := testRun(t, o, policy, cached(t, policy, pairs...))
	m, err := r.step(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.Loss != math.Ln2 || m.GradNorm > 1e-7 { // terms of 0.01 that cancel, each rounded to float32
		t.Errorf("loss %v with a gradient of norm %v, want ln 2 and 0", m.Loss, m.GradNorm)
	}
}
