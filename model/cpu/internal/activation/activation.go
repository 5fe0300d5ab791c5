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

// piece is how many elements are computed at a time, in memory of the caller's stack.
const piece = 256

// Gated sets dst to a(gate)∘up. dst may be gate or up.
func (f Func) Gated(dst, gate, up []float32) {
	if f.silu {
		simd.SwiGLU(dst, gate, up)
		return
	}
	var room [piece]float32
	for len(gate) > 0 {
		n := min(piece, len(gate))
		a := room[:n]
		f.values(a, gate[:n])
		simd.Mul(a, up[:n])
		copy(dst, a)
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
}

// GatedGrad sets dgate and dup, given the gradient dout of Gated's result:
//
//	dup = dout∘a(gate)    dgate = dout∘up∘a'(gate)
//
// dgate and dup may be any of the others.
func (f Func) GatedGrad(dgate, dup, dout, gate, up []float32) {
	if f.silu {
		simd.SwiGLUGrad(dgate, dup, dout, gate, up)
		return
	}
	var values, slopes [piece]float32
	for len(gate) > 0 {
		n := min(piece, len(gate))
		a, s := values[:n], slopes[:n]
		f.both(a, s, gate[:n])
		simd.Mul(a, dout[:n])
		simd.Mul(s, dout[:n])
		simd.Mul(s, up[:n])
		copy(dup, a)
		copy(dgate, s)
		dgate, dup, dout, gate, up = dgate[n:], dup[n:], dout[n:], gate[n:], up[n:]
	}
}

// Plain sets dst to a(x). dst is not x.
func (f Func) Plain(dst, x []float32) { f.values(dst, x) }

// PlainGrad sets dx to dout∘a'(x). dx may be dout.
func (f Func) PlainGrad(dx, dout, x []float32) {
	var values, slopes [piece]float32
	for len(x) > 0 {
		n := min(piece, len(x))
		s := slopes[:n]
		f.both(values[:n], s, x[:n])
		simd.Mul(s, dout[:n])
		copy(dx, s)
		dx, dout, x = dx[n:], dout[n:], x[n:]
	}
}
