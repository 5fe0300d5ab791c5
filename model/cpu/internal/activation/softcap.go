package activation

import "github.com/steelyard-ml/steelyard/internal/simd"

// SoftCap turns x into cap·tanh(x/cap) (Gemma 2), and, where slopes is not nil, sets it to the derivative 1 − tanh²(x/cap).
func SoftCap(x []float32, cap float32, slopes []float32) {
	var room [piece]float32
	for at := 0; at < len(x); at += piece {
		part := x[at:min(at+piece, len(x))]
		t := room[:len(part)]
		for i, v := range part {
			part[i] = v / cap
		}
		tanhs(t, part)
		for i, t := range t {
			part[i] = cap * t
			if slopes != nil {
				slopes[at+i] = 1 - float32(t*t)
			}
		}
	}
}

// tanhs sets t to tanh x, with a relative error of about 2e-7: by 1 − 2/(1 + e^2x), and near 0, where that cancels, by the polynomial of
// Cephes' tanhf (Moshier 1989).
func tanhs(t, x []float32) {
	for i, v := range x {
		t[i] = 2 * v
	}
	simd.Exp(t, t)
	for i, v := range x {
		if -0.625 < v && v < 0.625 {
			s := float32(v * v)
			p := float32(-5.70498872745e-3*s) + 2.06390887954e-2
			p = float32(p*s) - 5.37397155531e-2
			p = float32(p*s) + 1.33314422036e-1
			p = float32(p*s) - 3.33332819422e-1
			t[i] = v + float32(float32(p*s)*v)
			continue
		}
		t[i] = 1 - 2/(1+t[i])
	}
}
