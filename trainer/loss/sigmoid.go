package loss

import "math"

// Sigmoid returns the DPO loss of a pair and its derivatives by the policy's log-probabilities.
//
// With h = β·[ (log π_θ(y_w|x) − log π_ref(y_w|x)) − (log π_θ(y_l|x) − log π_ref(y_l|x)) ], for chosen y_w and rejected y_l,
//
//	loss = −log σ(h)                       // Rafailov et al. 2023 (arXiv 2305.18290), eq. 7
//	d loss / d log π_θ(y_w|x) = −β·σ(−h)   // since d(−log σ(h))/dh = −σ(−h); the factor of the paper's gradient, section 4
//	d loss / d log π_θ(y_l|x) = +β·σ(−h)
//
// At h = 0 the loss is ln 2 to the last bit. It is finite for every finite h: −log σ(h) = max(−h, 0) + log(1 + e^−|h|).
func Sigmoid(beta float64, p Pair) Term {
	h := float64(beta * (p.Chosen.LogRatio() - p.Rejected.LogRatio()))
	e := exp(-math.Abs(h)) // in [0, 1]
	loss, slope := log1p(e), e/(1+e)
	if h < 0 {
		loss, slope = loss-h, 1/(1+e)
	}
	return Term{Loss: loss, DChosen: -(beta * slope), DRejected: beta * slope}
}

func addSigmoid(beta, weight float64, group []Pair, terms []Term) {
	for i, p := range group {
		t := Sigmoid(beta, p)
		terms[i].Loss += float64(weight * t.Loss)
		terms[i].DChosen += float64(weight * t.DChosen)
		terms[i].DRejected += float64(weight * t.DRejected)
	}
}
