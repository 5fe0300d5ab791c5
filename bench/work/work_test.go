package work

import (
	"math"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
)

// tiny is counted by hand below: C = 8, H = 2 heads of D = 4, one of them for keys, F = 16, V = 10, L = 3.
var tiny = model.Config{Vocab: 10, Hidden: 8, Layers: 3, Heads: 2, KVHeads: 1, HeadDim: 4, Intermediate: 16}

func TestFlopsByHand(t *testing.T) {
	pairs := []Pair{{Prompt: 2, Chosen: 3, Rejected: 1}}
	// Weights of a block: q 64, k 32, v 32, o 64, gate, up and down 128 each: 576. 6 tokens, 3 blocks.
	// Keys: prompt 1+2; chosen 3+4+5; rejected 3: 18 in all.
	got, err := Forward(&tiny, pairs)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Parts{Linear: 2 * 576 * 6 * 3, Attention: 4 * 8 * 18 * 3, Head: 2 * 10 * 8 * 4}); got != want {
		t.Errorf("forward: %+v, want %+v", got, want)
	}
	full, err := Full(&tiny, pairs)
	if want := 3.0 * (20736 + 1728 + 640); err != nil || full != want {
		t.Errorf("full: %v, %v, want %v", full, err, want)
	}
	// Adapters of rank 2: in+out of q 16, k 12, v 12, o 16, gate, up and down 24 each: 128. Forward 2·2·128·6·3 = 9216, three times.
	// The first block's q, k and v: 128 weights, 2·128·6 = 1536 less.
	lora, err := LoRA(&tiny, 2, pairs)
	if want := (20736.0 + 1728 + 640) + (20736 - 1536) + 2*1728 + 640 + 3*9216; err != nil || lora != want {
		t.Errorf("LoRA: %v, %v, want %v", lora, err, want)
	}
}

// What two pairs take is the sum of what each takes, and more keys are seen by a pair that shares less.
func TestFlopsAdd(t *testing.T) {
	a, b := Pair{5, 2, 9}, Pair{1, 7, 3}
	both, _ := Forward(&tiny, []Pair{a, b})
	one, _ := Forward(&tiny, []Pair{a})
	other, _ := Forward(&tiny, []Pair{b})
	if both.Sum() != one.Sum()+other.Sum() {
		t.Errorf("%v, %v and %v", both, one, other)
	}
}

func TestFlopsRefuse(t *testing.T) {
	for _, c := range []model.Config{{Experts: &model.Experts{}}, {Windows: []int{4}}} {
		if _, err := Full(&c, nil); err == nil {
			t.Errorf("%+v was counted", c)
		}
		if _, err := LoRA(&c, 1, nil); err == nil {
			t.Errorf("%+v was counted", c)
		}
	}
}

func TestMedianAndGeomean(t *testing.T) {
	for _, c := range []struct {
		values          []float64
		median, geomean float64
	}{
		{[]float64{3}, 3, 3},
		{[]float64{4, 1}, 2.5, 2},
		{[]float64{9, 1, 3}, 3, 3},
		{[]float64{8, 1, 2, 4}, 3, math.Pow(2, 1.5)},
	} {
		if m, g := Median(c.values), Geomean(c.values); m != c.median || math.Abs(g-c.geomean) > 1e-12 {
			t.Errorf("%v: median %v, geometric mean %v, want %v and %v", c.values, m, g, c.median, c.geomean)
		}
	}
	if !math.IsNaN(Median(nil)) || !math.IsNaN(Geomean(nil)) {
		t.Error("nothing has a mean")
	}
	values := []float64{2, 1}
	if Median(values); values[0] != 2 {
		t.Error("Median sorts what it was given")
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		v        Verdict
		met, has bool
	}{
		{Verdict{Value: 0.85, Bound: 0.85}, true, true},
		{Verdict{Value: 0.849, Bound: 0.85}, false, true},
		{Verdict{Value: 1.3, Bound: 1.3, Most: true}, true, true},
		{Verdict{Value: 1.31, Bound: 1.3, Most: true}, false, true},
		{Verdict{Value: math.NaN(), Bound: 0}, false, false},
		{Verdict{Value: math.NaN(), Bound: 9, Most: true}, false, false},
	} {
		if c.v.Met() != c.met || c.v.Measured() != c.has {
			t.Errorf("%+v: met %v, measured %v", c.v, c.v.Met(), c.v.Measured())
		}
	}
}
