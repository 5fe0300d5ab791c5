package trainer

import (
	"math"
	"testing"

	"github.com/steelyard-ml/steelyard/schemas"
)

// TestClosedForm trains a softmax policy on Bradley-Terry pairs. DPO's minimizer over all policies is
//
//	π*(y|x) = π_ref(y|x)·exp(r(x,y)/β) / Z(x)        // Rafailov et al. 2023, eq. 4
//
// With rewards that are logarithms of whole numbers w, p(a ≻ b) = σ(r_a − r_b) = w_a/(w_a + w_b): so w_a pairs (a, b) and w_b pairs (b, a) are
// Bradley-Terry's expectation exactly, and no chance is in the test.
func TestClosedForm(t *testing.T) {
	for _, beta := range []float64{0.5, 2} {
		w := [2][4]int{{1, 2, 3, 6}, {5, 1, 4, 2}}
		policy := newTable(2, 4, 0.3, -0.7, 1.1, 0, -0.2, 0.4, 0.9, -1.5)
		var pairs []schemas.TokenPair
		var reference, want [2][4]float64
		for x := range w {
			z := 0.0
			for a, logp := range policy.row(int32(x)) {
				reference[x][a] = math.Exp(logp)
				want[x][a] = math.Exp(logp + math.Log(float64(w[x][a]))/beta)
				z += want[x][a]
				for b := range w[x] {
					for range w[x][a] * btoi(a != b) {
						pairs = append(pairs, schemas.TokenPair{PromptIDs: []int32{int32(x)}, ChosenIDs: []int32{int32(a)}, RejectedIDs: []int32{int32(b)}})
					}
				}
			}
			for a := range want[x] {
				want[x][a] /= z
			}
		}
		o := smallOptions()
		o.Beta, o.LearningRate, o.WeightDecay, o.SaveStrategy, o.MaxSteps = beta, 0.05, 0, SaveNothing, 600
		o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps = len(pairs), 1
		r, _ := testRun(t, o, policy, cached(t, policy, pairs...))
		if _, err := r.train(t.Context(), Record{}, false); err != nil {
			t.Fatal(err)
		}
		for x := range want {
			for a, logp := range policy.row(int32(x)) {
				got := math.Exp(logp)
				if math.Abs(got-want[x][a]) > 1e-4 {
					t.Errorf("β = %v: π(%d|%d) = %.6f, want %.6f (the reference has %.6f)", beta, a, x, got, want[x][a], reference[x][a])
				}
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
