package activation

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
)

var all = []model.Activation{
	model.SiLU, model.GELU, model.GELUTanh, model.GELU10, model.QuickGELU, model.ReLU, model.ReLU2, model.ReLU6, model.LeakyReLU, model.Sigmoid,
	model.Tanh, model.Mish, model.HardSwish, model.Laplace, model.Identity, model.SqrtSoftplus,
}

func softplus64(x float64) float64 { return math.Log1p(math.Exp(x)) }

// formulas are the activations as the papers write them, by the math package.
var formulas = map[model.Activation]func(x float64) float64{
	model.SiLU:         func(x float64) float64 { return x / (1 + math.Exp(-x)) },
	model.GELU:         func(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 },
	model.GELUTanh:     func(x float64) float64 { return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) },
	model.GELU10:       func(x float64) float64 { return math.Max(-10, math.Min(10, x*math.Erfc(-x/math.Sqrt2)/2)) },
	model.QuickGELU:    func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	model.ReLU:         func(x float64) float64 { return math.Max(x, 0) },
	model.ReLU2:        func(x float64) float64 { return math.Pow(math.Max(x, 0), 2) },
	model.ReLU6:        func(x float64) float64 { return math.Min(math.Max(x, 0), 6) },
	model.LeakyReLU:    func(x float64) float64 { return math.Max(x, 0) + 0.01*math.Min(x, 0) },
	model.Sigmoid:      func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	model.Tanh:         math.Tanh,
	model.Mish:         func(x float64) float64 { return x * math.Tanh(softplus64(x)) },
	model.HardSwish:    func(x float64) float64 { return x * math.Min(math.Max(x+3, 0), 6) / 6 },
	model.Laplace:      func(x float64) float64 { return math.Erfc(-(x-0.707107)/(0.282095*math.Sqrt2)) / 2 },
	model.Identity:     func(x float64) float64 { return x },
	model.SqrtSoftplus: func(x float64) float64 { return math.Sqrt(softplus64(x)) },
}

// inputs are numbers of all sizes, none of them where a derivative jumps.
func inputs() []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := []float32{-30, -12.5, -5, -2.9, -1.5, -0.9, -1e-3, -1e-4, 1e-4, 1e-3, 0.3, 0.99, 2, 2.9, 5.9, 9, 25}
	for range 2000 {
		x = append(x, float32(r.NormFloat64()*3))
	}
	return x
}

func close32(got float32, want float64, ulps float64) bool {
	return math.Abs(float64(got)-want) <= ulps*0x1p-23*math.Abs(want)+1e-30
}

func TestValues(t *testing.T) {
	for _, a := range all {
		t.Run(string(a), func(t *testing.T) {
			x := inputs()
			y := make([]float32, len(x))
			Of(a).Plain(y, x)
			for i, v := range x {
				// An argument of e^… is off by half a unit in float32, which counts in what is next to 0.
				if want := formulas[a](float64(v)); !close32(y[i], want, 4+2*math.Abs(float64(v*v))) {
					t.Errorf("a(%v) = %v, want %v", v, y[i], want)
				}
			}
		})
	}
}

func TestSlopesAgainstDifferences(t *testing.T) {
	const h = 1e-5
	for _, a := range all {
		t.Run(string(a), func(t *testing.T) {
			x := inputs()
			dout, dx := make([]float32, len(x)), make([]float32, len(x))
			for i := range dout {
				dout[i] = 1
			}
			Of(a).PlainGrad(dx, make([]float32, len(x)), dout, x)
			f := formulas[a]
			for i, v := range x {
				want := (f(float64(v)+h) - f(float64(v)-h)) / (2 * h)
				if math.Abs(float64(dx[i])-want) > 2e-6*(1+math.Abs(want)) {
					t.Errorf("a'(%v) = %v, want %v", v, dx[i], want)
				}
			}
		})
	}
}

// Gated and its gradient are the plain ones with a factor.
func TestGated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, a := range all {
		f := Of(a)
		gate := inputs()
		n := len(gate)
		up, dout := make([]float32, n), make([]float32, n)
		for i := range up {
			up[i], dout[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		value, slope, one := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range one {
			one[i] = 1
		}
		f.Plain(value, gate)
		f.PlainGrad(slope, make([]float32, n), one, gate)
		dgate, dup, dst := make([]float32, n), make([]float32, n), make([]float32, n)
		f.GatedGrad(dgate, dup, dout, gate, up)
		f.Gated(dst, gate, up)
		for i := range gate {
			near := func(what string, got, want float32) {
				if !close32(got, float64(want), 8) && math.Abs(float64(got-want)) > 1e-6 {
					t.Errorf("%q: %s(%v) is %v, want %v", a, what, gate[i], got, want)
				}
			}
			near("value", dst[i], value[i]*up[i])
			near("dup", dup[i], dout[i]*value[i])
			near("dgate", dgate[i], dout[i]*up[i]*slope[i])
		}
	}
}

func TestSoftCap(t *testing.T) {
	for _, limit := range []float32{0.5, 5, 50} {
		x := inputs()
		y, slopes := append([]float32(nil), x...), make([]float32, len(x))
		SoftCap(y, limit, slopes)
		for i, v := range x {
			want := float64(limit) * math.Tanh(float64(v)/float64(limit))
			if !close32(y[i], want, 6) {
				t.Errorf("cap %v of %v is %v, want %v", limit, v, y[i], want)
			}
			if want := 1 - math.Pow(math.Tanh(float64(v)/float64(limit)), 2); math.Abs(float64(slopes[i])-want) > 5e-7 {
				t.Errorf("cap %v: slope at %v is %v, want %v", limit, v, slopes[i], want)
			}
		}
	}
}

func TestNormal(t *testing.T) {
	for x := -37.; x < 37; x += 0.0137 {
		want := math.Erfc(-x/math.Sqrt2) / 2
		if got := normal(x); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("Φ(%v) = %v, want %v", x, got, want)
		}
	}
}
