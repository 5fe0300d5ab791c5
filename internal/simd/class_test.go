package simd

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// classDigest is the digest of what the kernels of class fma16/1 compute from the inputs below. Who changes a bit of it makes another class:
// caches made before no longer match.
const classDigest = 0x7c595714eec0cc0c

// TestClass pins the bits of every kernel, on every level and architecture.
func TestClass(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		h := fnv.New64a()
		write := func(f ...float32) {
			for _, x := range f {
				binary.Write(h, binary.LittleEndian, math.Float32bits(x))
			}
		}
		state := uint32(1)
		numbers := func(n int) []float32 { // in (-4, 4), by a congruential generator (Numerical Recipes, §7.1)
			f := make([]float32, n)
			for i := range f {
				state = state*1664525 + 1013904223
				f[i] = float32(int32(state)) * 0x1p-29
			}
			return f
		}
		const n = 333
		a, b, c, d, e := numbers(n), numbers(n), numbers(n), numbers(n), numbers(n)
		write(Dot(a, b), Sum(a), float32(SumSq(b)), Max(c), ExpSum(e, a, 3), Exp1(a[0]), Log1(a[1]*a[1]))
		write(e...)
		Exp(c, a)
		Axpy(c, 0.1, b)
		MulAdd(c, a, b)
		Mul(d, c)
		Add(d, a)
		Scale(d, 1./3)
		write(d...)
		SwiGLU(e, a, d)
		write(e...)
		SwiGLUGrad(c, d, b, a, e)
		write(c...)
		write(d...)
		x, y := Matrix(numbers(37*401), 37, 401), Matrix(numbers(53*401), 53, 401)
		product := numbers(37 * 53)
		var w Workspace
		GemmSeq(&w, product, 53, x, y.T(), true)
		write(product...)
		for i := range 100 {
			s, c := SinCos(float64(i*i) * Pow(10000, -float64(i)/64))
			binary.Write(h, binary.LittleEndian, []float64{s, c})
		}
		if got := h.Sum64(); got != classDigest {
			t.Errorf("digest %#x, want %#x", got, uint64(classDigest))
		}
	})
}
