package simd

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Level is a set of instructions that kernels are written in. Example: "avx2"
type Level string

// The levels, slowest first.
const (
	Generic Level = "generic" // portable Go
	AVX2    Level = "avx2"    // AVX2, FMA and F16C
	AVX512  Level = "avx512"  // these, and AVX-512 F, BW, DQ and VL
	NEON    Level = "neon"    // Advanced SIMD, of every arm64
)

// levelVariable overrides the choice of the level.
const levelVariable = "STEELYARD_SIMD"

// The choice is made once, when the program starts, so that no result depends on when it is asked for.
var active, activeErr = choose(os.Getenv(levelVariable), available())

// table is the set of kernels of the active level.
var table = tableOf(active)

// Active returns the level in use: the best one this machine has, or the one that STEELYARD_SIMD names.
func Active() Level { return active }

// Check returns an error when STEELYARD_SIMD asks for a level that this machine or this build lacks. Programs call it before any work; the
// kernels of the best level are in use until then.
func Check() error { return activeErr }

// Class names the arithmetic: programs of one class compute the same bits. Levels of an architecture share it.
func Class() string { return class }

// choose returns the level to use, given the wish (or "") and the levels at hand, slowest first.
func choose(wish string, have []Level) (Level, error) {
	best := have[len(have)-1]
	if wish == "" {
		return best, nil
	}
	if l := Level(strings.ToLower(wish)); slices.Contains(have, l) {
		return l, nil
	}
	return best, fmt.Errorf("simd: %s=%q is not available on this machine, which has %v: unset it or name one of these", levelVariable, wish, have)
}

// HasBF16 says whether GemmBF16 may be called: the active level multiplies bfloat16 numbers.
func HasBF16() bool { return table.columnPairs != nil }

// ClassBF16 names the arithmetic of GemmBF16.
const ClassBF16 = "bf16pairs/1"

// A columnKernel computes a column of tiles of a product: see columnGeneric. It may have lines of next fetched meanwhile, and then goes on in it.
type columnKernel func(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)

// readColumns is how many columns a tile reads of B at a time, at any level: also where C has fewer.
const readColumns = 16

// width returns the columns of the next tile where n are left: of its panel.
func (t *kernels) width(n int) int {
	if n > t.nr && n <= t.twins {
		return t.twins / 2
	}
	return min(roundUp(n, readColumns), t.nr)
}

// lastColumn returns where the last tile of n columns begins.
func (t *kernels) lastColumn(n int) int {
	rest := (n-1)%t.nr + 1
	if n > t.nr && rest+t.nr <= t.twins {
		return n - rest - t.nr + t.twins/2
	}
	return n - rest
}

// columnNear returns where a tile of n columns begins that has column j, or one before it.
func (t *kernels) columnNear(j, n int) int { return min(j/t.nr*t.nr, t.lastColumn(n)) }

// kernels is the set of kernels of a level. Each computes what the exported function of its name says, but for slices' lengths, which it doesn't
// check; those of products are documented at their portable twins (kernels_generic.go, bf16.go).
type kernels struct {
	mr, nr int // rows and columns of a tile
	twins  int // up to so many columns, more than nr, are two tiles of half as many, which is faster than a whole one and a narrow one; or 0
	column columnKernel

	columnPairs columnKernel // of pairs of bfloat16 numbers; nil where the processor has no such instruction
	roundPairs  func(dst, src []float32)

	pack     func(dst []float32, w int, src []float32, ras, cas, k int)
	packBF16 func(dst []float32, w int, src []uint16, ras, cas, k int)
	packDown func(dst []float32, step int, src []float32, stride, k int) // downRows rows, in panels of mr that begin step apart; or nil
	prefetch func(p uintptr, stride, rows, n int)

	dot        func(a, b []float32) float32
	max        func(a []float32) float32
	exp        func(dst, src []float32)
	expSum     func(dst, src []float32, max float32) float32
	axpy       func(dst []float32, a float32, x []float32)
	scale      func(dst []float32, a float32)
	add        func(dst, x []float32)
	mul        func(dst, x []float32)
	mulAdd     func(dst, a, b []float32)
	swiglu     func(dst, gate, up []float32)
	swigluGrad func(dgate, dup, dout, gate, up []float32)
	widenBF16  func(dst []float32, src []uint16)
	widenF16   func(dst []float32, src []uint16)
	widen4     func(dst []float32, codes []byte, values *[16]float32, scale float32)

	addTo  func(dst, a, b []float32)
	rotate func(a, b, cos, sin []float32, turn float32)
	index  func(a []float32, x float32) int
	adamw  func(w, g, m, v []float32, f *AdamW)

	softmaxStep  func(s []float32, n int, seen []Range, top, sum, acc []float32, d int) // nil where there is none of one piece
	expScale     func(dst, src []float32, max, scale float32)
	expMoments   func(dst, src []float32, max float32) (sum float32, dot, square float64)
	softmaxGrad  func(p, ds, s []float32, lse, delta float32)
	silu         func(y, x []float32)
	siluGrad     func(y, slope, x []float32)
	geluTanh     func(y, x []float32)
	geluTanhGrad func(y, slope, x []float32)
	gelu         func(y, x []float32)
	geluGrad     func(y, slope, x []float32)
	softCap      func(x, slopes []float32, cap float32)

	sum64     func(a []float32) float64
	sumSq     func(a []float32, mean float64) float64
	normalize func(y, x, g, b []float32, plus, mean, r float64)
	normSums  func(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32)
	normGrad  func(dx, u, x []float32, r, shift, slope, mean float32, add bool)
}
