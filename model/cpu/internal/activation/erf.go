package activation

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// The rational approximations of erf and erfc, and their coefficients by rising powers, are those of FreeBSD's s_erf.c (Sun Microsystems
// 1993, freely usable): erf(z) = z + z·nearP/nearQ(z²) near 0; erx + middleP/middleQ(z − 1) round 1; beyond, by 1/z²,
// erfc(z) = e^(−z² − 0.5625 + P/Q)/z.
const erx = 8.45062911510467529297e-01

var (
	nearP   = []float64{1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02, -5.77027029648944159157e-03, -2.37630166566501626084e-05}
	nearQ   = []float64{1, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03, 1.32494738004321644526e-04, -3.96022827877536812320e-06}
	middleP = []float64{-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03}
	middleQ = []float64{1, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02, 1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02}
	farP    = []float64{-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01, -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02, -8.12874355063065934246e+01, -9.81432934416914548592e+00}
	farQ    = []float64{1, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02, 6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02, 6.57024977031928170135e+00, -6.04244152148580987438e-02}
	tailP   = []float64{-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01, -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03, -4.83519191608651397019e+02}
	tailQ   = []float64{1, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03, 3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02, -2.24409524465858183362e+01}
)

// polynomial is Σ c[k]·x^k, by Horner's rule.
func polynomial(c []float64, x float64) float64 {
	sum := 0.
	for k := len(c) - 1; k >= 0; k-- {
		sum = float64(sum*x) + c[k]
	}
	return sum
}

// erfc is 1 − erf(z) for z ≥ 0, with a relative error of about 1e-13.
func erfc(z float64) float64 {
	switch {
	case z < 0.84375:
		s := float64(z * z)
		return 1 - (z + float64(z*(polynomial(nearP, s)/polynomial(nearQ, s))))
	case z < 1.25:
		s := z - 1
		return 1 - erx - polynomial(middleP, s)/polynomial(middleQ, s)
	case z > 28:
		return 0 // below float64's least number
	}
	s := 1 / float64(z*z)
	p, q := farP, farQ
	if z >= 1/0.35 {
		p, q = tailP, tailQ
	}
	return simd.Exp64(-float64(z*z)-0.5625+polynomial(p, s)/polynomial(q, s)) / z
}

// normal is Φ, the normal distribution function.
func normal(x float64) float64 {
	if x < 0 {
		return float64(0.5 * erfc(-x/math.Sqrt2))
	}
	return 1 - float64(0.5*erfc(x/math.Sqrt2))
}
