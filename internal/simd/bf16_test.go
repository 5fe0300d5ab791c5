package simd

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestRoundBF16(t *testing.T) {
	for _, c := range []struct{ x, want uint32 }{
		{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0xbf80ffff, 0xbf81},
		{0, 0}, {0x80000000, 0x8000}, {1, 0}, {0x00018000, 2}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
		{0x7f800001, 0x7fc0}, {0xffffffff, 0xffff},
	} {
		if got := roundBF16(math.Float32frombits(c.x)); got != uint16(c.want) {
			t.Errorf("%#x rounds to %#x, want %#x", c.x, got, c.want)
		}
	}
}

// TestDotPairRoundsOnce holds dotPair against exact arithmetic where nothing is subnormal.
func TestDotPairRoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	exact := func(s, a, b float32) float32 {
		p := new(big.Float).SetPrec(200).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
		f, _ := p.Add(p, big.NewFloat(float64(s))).Float32()
		return f
	}
	up := func(u uint16) float32 { return math.Float32frombits(uint32(u) << 16) }
	for range 20000 {
		x, y := [2]uint16{}, [2]uint16{}
		for i := range 2 {
			x[i], y[i] = roundBF16(float32(r.NormFloat64())), roundBF16(float32(r.NormFloat64()))
		}
		s := float32(r.NormFloat64())
		want := exact(exact(s, up(x[1]), up(y[1])), up(x[0]), up(y[0]))
		if got := dotPair(s, pair(up(x[0]), up(x[1])), pair(up(y[0]), up(y[1]))); got != want {
			t.Fatalf("%v + pairs %v·%v is %v, want %v", s, x, y, got, want)
		}
	}
	tiny := float32(0x1p-127)
	for _, c := range [][6]float32{ // s, x, y, want
		{tiny, 0, 0, 0, 0, 0}, {0, 0x1p-100, 0, 0x1p-100, 0, 0}, {0, tiny, 0, 0x1p100, 0, 0}, {1, 0, tiny, 0, 1, 1},
	} {
		if got := dotPair(c[0], pair(c[1], c[2]), pair(c[3], c[4])); got != c[5] {
			t.Errorf("%v gives %v: subnormal numbers count as zeros", c, got)
		}
	}
}

func TestGemmBF16(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	shapes := [][3]int{{1, 1, 1}, {1, 2, 33}, {5, 3, 15}, {7, 9, 17}, {13, 64, 64}, {65, 321, 70}, {3, 1300, 90}, {150, 40, 300}, {0, 3, 4}, {4, 0, 5}}
	types := [][2]DType{{F32, F32}, {F32, BF16}, {F16, BF16}, {BF16, BF16}, {F32, Code4}, {F32, BF16}, {F32, F16}}
	eachLevel(t, func(t *testing.T) {
		if !HasBF16() {
			t.Skip("this level has no products of bfloat16 numbers")
		}
		r := rand.New(rand.NewPCG(1, 2))
		for i, s := range shapes {
			for layout := range 8 {
				types := types[(i+layout)%len(types)]
				a := randomOperand(r, types[0], s[0], s[1], layout&1 > 0)
				b := randomOperand(r, types[1], s[1], s[2], layout&2 > 0)
				add := layout&4 > 0
				ldc := s[2] + r.IntN(3)
				got := normals(r, s[0]*ldc)
				want := append([]float32(nil), got...)
				x, y := dense(a), dense(b)
				at := func(f []float32, i int) float32 {
					if i < len(f) {
						return f[i]
					}
					return 0
				}
				for i := range a.Rows {
					for j := range b.Cols {
						var sum float32
						if add {
							sum = want[i*ldc+j]
						}
						for k := 0; k < a.Cols; k += 2 {
							row := x[i*a.Cols : (i+1)*a.Cols]
							sum = dotPair(sum, pair(row[k], at(row, k+1)), pair(y[k*b.Cols+j], at(y, (k+1)*b.Cols+j)))
						}
						want[i*ldc+j] = sum
					}
				}
				start := append([]float32(nil), got...)
				GemmBF16(pool, got, ldc, a, b, add)
				what := fmt.Sprintf("M, K, N = %v, types %v, A.Trans %v, B.Trans %v, add %v", s, types, a.Trans, b.Trans, add)
				diff(t, what, got, want)
				host := block
				block = blocking{m: 2 * table.mr, n: 64, k: 40}
				copy(got, start)
				GemmBF16(pool, got, ldc, a, b, add)
				diff(t, "in small blocks, "+what, got, want)
				block = host
			}
		}
	})
}

// TestPairsOfTheProcessor lets the instruction meet numbers of all magnitudes.
func TestPairsOfTheProcessor(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		if !HasBF16() {
			t.Skip("this level has no products of bfloat16 numbers")
		}
		r := rand.New(rand.NewPCG(3, 4))
		a, b, c := make([]float32, table.mr), make([]float32, table.nr), make([]float32, 1)
		for range 100000 {
			bits := func() float32 { return math.Float32frombits(r.Uint32()) }
			a[0], b[0], c[0] = bits(), bits(), bits()
			want := dotPair(c[0], a[0], b[0])
			was := c[0]
			table.columnPairs(1, 1, 1, a, 0, 1, table.mr, b, table.nr, c, 1, true, &ahead{})
			if !sameBits(c[0], want) {
				t.Fatalf("%#x + %#x·%#x is %v, want %v", math.Float32bits(was), math.Float32bits(a[0]), math.Float32bits(b[0]), c[0], want)
			}
		}
	})
}
