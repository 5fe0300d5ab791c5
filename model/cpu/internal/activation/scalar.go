package activation

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A scalar is an activation and its derivative, a number at a time. Where torch's derivative jumps, it is torch's value there.
type scalar struct{ value, slope func(x float64) float64 }

// scalars are the activations of transformers' ACT2FN that have no vectors of their own and no weights.
var scalars = map[model.Activation]scalar{
	model.GELU10: {
		func(x float64) float64 { return min(max(gelu(x), -10), 10) },
		func(x float64) float64 {
			if y := gelu(x); y < -10 || y > 10 {
				return 0
			}
			return geluSlope(x)
		},
	},
	model.QuickGELU: { // x·σ(1.702·x)
		func(x float64) float64 { return x * sigmoid(1.702*x) },
		func(x float64) float64 {
			s := sigmoid(1.702 * x)
			return s * (1 + float64(1.702*float64(x*(1-s))))
		},
	},
	model.ReLU:      {func(x float64) float64 { return max(x, 0) }, func(x float64) float64 { return step(x > 0) }},
	model.ReLU2:     {func(x float64) float64 { return max(x, 0) * max(x, 0) }, func(x float64) float64 { return 2 * max(x, 0) }},
	model.ReLU6:     {func(x float64) float64 { return min(max(x, 0), 6) }, func(x float64) float64 { return step(x > 0 && x < 6) }},
	model.LeakyReLU: {func(x float64) float64 { return max(x, 0.01*x) }, func(x float64) float64 { return max(step(x > 0), 0.01) }},
	model.Sigmoid: {sigmoid, func(x float64) float64 {
		s := sigmoid(x)
		return s * (1 - s)
	}},
	model.Tanh: {tanh, func(x float64) float64 {
		t := tanh(x)
		return 1 - float64(t*t)
	}},
	model.Mish: { // x·tanh(softplus x)
		func(x float64) float64 { return x * tanh(softplus(x)) },
		func(x float64) float64 {
			t := tanh(softplus(x))
			return t + float64(x*float64(sigmoid(x)*(1-float64(t*t))))
		},
	},
	model.HardSwish: { // x·min(max(x+3, 0), 6)/6
		func(x float64) float64 { return x * min(max(x+3, 0), 6) / 6 },
		func(x float64) float64 {
			switch {
			case x <= -3:
				return 0
			case x < 3:
				return x/3 + 0.5
			}
			return 1
		},
	},
	model.Laplace: { // Φ with its own mean and deviation
		func(x float64) float64 { return normal(laplace(x)) },
		func(x float64) float64 { return density(laplace(x)) / laplaceSigma },
	},
	model.Identity: {func(x float64) float64 { return x }, func(float64) float64 { return 1 }},
	model.SqrtSoftplus: {
		func(x float64) float64 { return math.Sqrt(softplus(x)) },
		func(x float64) float64 { return sigmoid(x) / (2 * math.Sqrt(softplus(x))) },
	},
}

func step(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func gelu(x float64) float64      { return x * normal(x) }
func geluSlope(x float64) float64 { return normal(x) + float64(x*density(x)) }

const laplaceMu, laplaceSigma = 0.707107, 0.282095

func laplace(x float64) float64 { return (x - laplaceMu) / laplaceSigma }

func sigmoid(x float64) float64 { return 1 / (1 + simd.Exp64(-x)) }

// tanh is the series where the quotient would cancel.
func tanh(x float64) float64 {
	if -0.1 < x && x < 0.1 {
		s := float64(x * x) // x − x³/3 + 2x⁵/15 − 17x⁷/315 + 62x⁹/2835 − 1382x¹¹/155925
		p := 62./2835 - float64(s*1382./155925)
		p = -17./315 + float64(s*p)
		p = 2./15 + float64(s*p)
		p = -1./3 + float64(s*p)
		return x + float64(float64(x*s)*p)
	}
	return 1 - 2/(1+simd.Exp64(2*x))
}

// softplus is log(1 + e^x); torch takes x itself above 20.
func softplus(x float64) float64 {
	if x > 20 {
		return x
	}
	e := simd.Exp64(x)
	if e < 1e-3 { // 1 + e would lose its digits
		return e * (1 - float64(e*(0.5-float64(e*(1./3-e/4)))))
	}
	return simd.Log(1 + e)
}

// density is the normal distribution's.
func density(x float64) float64 {
	return simd.Exp64(-float64(x*x)/2) * (1 / math.Sqrt(2*math.Pi))
}
