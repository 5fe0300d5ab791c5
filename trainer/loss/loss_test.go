package loss

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pair makes a pair of two log-ratios over a reference of its own.
func pair(chosen, rejected float64) Pair {
	return Pair{Completion{-20 + chosen, -20}, Completion{-30 + rejected, -30}}
}

var sigmoidTests = []struct {
	name             string
	beta             float64
	chosen, rejected float64 // log-ratios
	loss, slope      float64 // slope = β·σ(−h)
}{
	// h = 0.1·(2 − (−1)) = 0.3; −log σ(0.3) = log(1 + e^−0.3) = log 1.740818… ; 0.1·σ(−0.3) = 0.1·0.425557…
	{"worked by hand", 0.1, 2, -1, 0.5543552444685272, 0.04255574831883410},
	{"policy is reference", 0.1, 0, 0, math.Ln2, 0.05},
	// h = −0.3: loss = 0.3 + 0.5543552445, slope = 0.1·σ(0.3)
	{"ranked wrongly", 0.1, -1, 2, 0.8543552444685272, 0.05744425168116590},
	// h = 60: e^−60 remains
	{"far right", 1, 30, -30, 8.75651076269652e-27, 8.75651076269652e-27},
	// h = −60: the loss is −h, the slope β
	{"far wrong", 1, -30, 30, 60, 1},
	{"huge right", 1, 1e5, -1e5, 0, 0},
	{"huge wrong", 1, -1e5, 1e5, 2e5, 1},
}

func TestSigmoid(t *testing.T) {
	for _, test := range sigmoidTests {
		t.Run(test.name, func(t *testing.T) {
			got := Sigmoid(test.beta, pair(test.chosen, test.rejected))
			if !relative(got.Loss, test.loss, 1e-9) {
				t.Errorf("loss: got %.12g, want %.12g", got.Loss, test.loss)
			}
			if !relative(got.DRejected, test.slope, 1e-9) {
				t.Errorf("d/dlogp rejected: got %.12g, want %.12g", got.DRejected, test.slope)
			}
			if got.DChosen != -got.DRejected {
				t.Errorf("derivatives %g and %g are not opposite", got.DChosen, got.DRejected)
			}
		})
	}
}

// TestSigmoidAtZero: the identity at step 0 is one of bits.
func TestSigmoidAtZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, l := rapid.Float64Range(-1e4, 0).Draw(t, "w"), rapid.Float64Range(-1e4, 0).Draw(t, "l")
		got := Sigmoid(rapid.Float64Range(1e-3, 10).Draw(t, "beta"), Pair{Completion{w, w}, Completion{l, l}})
		if math.Float64bits(got.Loss) != math.Float64bits(math.Ln2) {
			t.Fatalf("loss %x, want ln 2 = %x", got.Loss, math.Ln2)
		}
	})
}

// TestSigmoidGradient holds the derivatives against central differences of step d. For a function of values up to 80 and a third
// derivative below β³/6 they are off by at most β³d²/36 + 80·2^-53/d, below 1e-8 for d = 1e-4 and β ≤ 2.
func TestSigmoidGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		beta := rapid.Float64Range(0.01, 2).Draw(t, "beta")
		p := pair(rapid.Float64Range(-20, 20).Draw(t, "chosen"), rapid.Float64Range(-20, 20).Draw(t, "rejected"))
		got := Sigmoid(beta, p)
		const d = 1e-4
		diff := func(shift func(*Pair, float64)) float64 {
			up, down := p, p
			shift(&up, d)
			shift(&down, -d)
			return (Sigmoid(beta, up).Loss - Sigmoid(beta, down).Loss) / (2 * d)
		}
		chosen := diff(func(p *Pair, d float64) { p.Chosen.Logp += d })
		rejected := diff(func(p *Pair, d float64) { p.Rejected.Logp += d })
		if math.Abs(chosen-got.DChosen) > 1e-8 || math.Abs(rejected-got.DRejected) > 1e-8 {
			t.Fatalf("got %g, %g; differences say %g, %g", got.DChosen, got.DRejected, chosen, rejected)
		}
	})
}

func TestSigmoidProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ratio := rapid.Float64Range(-50, 50)
		beta := rapid.Float64Range(0.01, 2).Draw(t, "beta")
		p := pair(ratio.Draw(t, "chosen"), ratio.Draw(t, "rejected"))
		got := Sigmoid(beta, p)

		// Swapping the completions negates h: −log σ(−h) = h − log σ(h), and the slopes add up to β.
		swapped := Sigmoid(beta, Pair{p.Rejected, p.Chosen})
		h := beta * (p.Chosen.LogRatio() - p.Rejected.LogRatio())
		if !near(swapped.Loss-got.Loss, h, 1e-9) || !near(swapped.DRejected+got.DRejected, beta, 1e-12) {
			t.Fatalf("swapped: loss %g against %g at h = %g", swapped.Loss, got.Loss, h)
		}

		// What is added to both reference values (log Z is such a constant) cancels.
		c := math.Round(ratio.Draw(t, "constant")) // whole, so that the references stay exact
		moved := p
		moved.Chosen.Ref += c
		moved.Rejected.Ref += c
		if m := Sigmoid(beta, moved); !near(m.Loss, got.Loss, 1e-9) || !near(m.DChosen, got.DChosen, 1e-9) {
			t.Fatalf("a constant on both references changes %+v to %+v", got, m)
		}
	})
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name    string
		types   []string
		weights []float64
		want    string
	}{
		{"unknown", []string{"sigmiod"}, nil, `there is no loss "sigmiod"; use sigmoid`},
		{"planned", []string{"ipo"}, nil, `the loss "ipo" is not supported by this version`},
		{"none", nil, nil, "no loss is named"},
		{"weights", []string{"sigmoid"}, []float64{1, 2}, "1 losses and 2 weights"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.types, test.weights, 0.1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestWeights(t *testing.T) {
	l, err := New([]string{"sigmoid", "sigmoid"}, []float64{0.5, 2}, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	terms := []Term{{Loss: 99}}
	l.Eval([]Pair{pair(2, -1)}, terms)
	one := Sigmoid(0.1, pair(2, -1))
	if !near(terms[0].Loss, 2.5*one.Loss, 1e-15) || !near(terms[0].DChosen, 2.5*one.DChosen, 1e-15) {
		t.Errorf("got %+v, want 2.5 times %+v", terms[0], one)
	}
}

func TestMean(t *testing.T) {
	for n := 1; n <= 100; n++ {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Ln2
		}
		if got := Mean(x); got != math.Ln2 {
			t.Fatalf("mean of %d times ln 2 is %x", n, got)
		}
	}
	if got := new(RunningMean).Value(); got != 0 {
		t.Errorf("the running mean of nothing is %v, want 0", got)
	}
	if got := Mean([]float64{1, 2, 6}); got != 3 {
		t.Errorf("got %g, want 3", got)
	}
}

// near allows a difference of tolerance, as a share of want where that is above 1.
func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))
}

// relative allows a difference of a share of want.
func relative(got, want, share float64) bool { return math.Abs(got-want) <= share*math.Abs(want) }
