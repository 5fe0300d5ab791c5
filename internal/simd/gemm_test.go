package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// gemmNaive is the product as Gemm's comment defines it.
func gemmNaive(c []float32, ldc int, a, b Operand, add bool) {
	at := func(o Operand, i, j int) float32 {
		if o.Trans {
			i, j = j, i
		}
		var x [1]float32
		o.widen(x[:], i*o.Stride+j)
		return x[0]
	}
	for i := range a.Rows {
		for j := range b.Cols {
			var s float32
			if add {
				s = c[i*ldc+j]
			}
			for k := range a.Cols {
				s = fma(at(a, i, k), at(b, k, j), s)
			}
			c[i*ldc+j] = s
		}
	}
}

// randomOperand returns an operand of the given type and layout whose storage has a few elements between rows.
func randomOperand(r *rand.Rand, t DType, rows, cols int, trans bool) Operand {
	sr, sc := rows, cols
	if trans {
		sr, sc = cols, rows
	}
	o := Operand{Type: t, Rows: rows, Cols: cols, Stride: sc + r.IntN(3), Trans: trans}
	n := max(sr*o.Stride, 1)
	if t == F32 {
		o.F32 = normals(r, n)
		return o
	}
	o.Raw = make([]uint16, n)
	for i := range o.Raw {
		switch x := r.NormFloat64(); t {
		case BF16:
			o.Raw[i] = uint16(math.Float32bits(float32(x)) >> 16)
		default:
			o.Raw[i] = uint16(r.IntN(0x7c00)) | uint16(r.IntN(2))<<15
		}
	}
	return o
}

func normals(r *rand.Rand, n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(r.NormFloat64())
	}
	return f
}

// sameBits says whether x and y are the same number, sign of zero included, or both NaN.
func sameBits(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func diff(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: length %d, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !sameBits(got[i], want[i]) {
			t.Fatalf("%s: element %d of %d is %v (%#x), want %v (%#x)", what, i, len(want), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// eachLevel runs f with every level this machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	was := table
	defer func() { table = was }()
	for _, l := range available() {
		table = tableOf(l)
		t.Run(string(l), f)
	}
}

func TestGemm(t *testing.T) {
	shapes := [][3]int{ // M, K, N
		{1, 1, 1}, {1, 7, 33}, {5, 3, 15}, {6, 8, 16}, {7, 9, 17}, {12, 1, 31}, {13, 64, 64}, {64, 64, 128},
		{65, 321, 70}, {3, 700, 290}, {150, 40, 300}, {0, 3, 4}, {4, 0, 5}, {4, 3, 0},
	}
	pool := NewPool(3)
	defer pool.Close()
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		var w Workspace
		for _, s := range shapes {
			for layout := range 4 {
				for _, types := range [][2]DType{{F32, F32}, {F32, BF16}, {F16, F32}, {BF16, F16}} {
					a := randomOperand(r, types[0], s[0], s[1], layout&1 > 0)
					b := randomOperand(r, types[1], s[1], s[2], layout&2 > 0)
					ldc := s[2] + r.IntN(3)
					start := normals(r, s[0]*ldc)
					for _, add := range []bool{false, true} {
						what := fmt.Sprintf("%v·%v, A %v, B %v, add %v", [2]any{types[0], s[:2]}, [2]any{types[1], s[1:]}, a.Trans, b.Trans, add)
						want := append([]float32(nil), start...)
						gemmNaive(want, ldc, a, b, add)
						got := append([]float32(nil), start...)
						GemmSeq(&w, got, ldc, a, b, add)
						diff(t, "GemmSeq "+what, got, want)
						copy(got, start)
						Gemm(pool, got, ldc, a, b, add)
						diff(t, "Gemm "+what, got, want)
						copy(got, start)
						Gemm(pool, got, ldc, a, Pack(pool, b), add)
						diff(t, "Gemm, packed, "+what, got, want)
					}
				}
			}
		}
	})
}
