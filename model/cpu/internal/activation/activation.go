package activation

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A Func is an activation a(x) and its derivative.
type Func struct {
	silu bool
	// values sets y to a(x); both sets slopes to a'(x) too. Neither y nor slopes is x.
	values func(y, x []float32)
	both   func(y, slopes, x []float32)
}

// Of returns an activation. It panics for a name that model has no constant for.
func Of(a model.Activation) Func {
	switch a {
	case model.SiLU:
		return Func{silu: true, values: simd.SiLU, both: simd.SiLUGrad}
	case model.GELU:
		return Func{values: simd.GELU, both: simd.GELUGrad}
	case model.GELUTanh:
		return Func{values: simd.GELUTanh, both: simd.GELUTanhGrad}
	}
	f, ok := scalars[a]
	if !ok {
		panic(fmt.Sprintf("activation: there is no %q", a))
	}
	return Func{
		values: func(y, x []float32) { each(y, x, f.value) },
		both: func(y, slopes, x []float32) {
			each(y, x, f.value)
			each(slopes, x, f.slope)
		},
	}
}

func each(y, x []float32, f func(float64) float64) {
	for i, v := range x {
		y[i] = float32(f(float64(v)))
	}
}

// Gated sets dst to a(gate)∘up. dst is neither of them.
func (f Func) Gated(dst, gate, up []float32) {
	if f.silu {
		simd.SwiGLU(dst, gate, up)
		return
	}
	f.values(dst, gate)
	simd.Mul(dst, up)
}

// GatedGrad sets dgate and dup, given the gradient dout of Gated's result:
//
//	dup = dout∘a(gate)    dgate = dout∘up∘a'(gate)
//
// dgate and dup are none of the others.
func (f Func) GatedGrad(dgate, dup, dout, gate, up []float32) {
	if f.silu {
		simd.SwiGLUGrad(dgate, dup, dout, gate, up)
		return
	}
	f.both(dup, dgate, gate)
	simd.Mul(dup, dout)
	simd.Mul(dgate, dout)
	simd.Mul(dgate, up)
}

// Plain sets dst to a(x). dst is not x.
func (f Func) Plain(dst, x []float32) { f.values(dst, x) }

// PlainGrad sets dx to dout∘a'(x), and y to a(x). dx and y are none of the others.
func (f Func) PlainGrad(dx, y, dout, x []float32) {
	f.both(y, dx, x)
	simd.Mul(dx, dout)
}
