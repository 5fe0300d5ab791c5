package simd

import "math"

// genericRows is the rows of a tile in portable Go.
const genericRows = 4

// generic is the portable set, which defines what every other set computes.
var generic = kernels{
	mr: genericRows, nr: 16,
	column:      columnGeneric,
	columnPairs: columnPairsGeneric,
	roundPairs:  roundPairsGeneric,
	pack:        packGeneric,
	packBF16:    packBF16Generic,
	prefetch:    prefetchGeneric,
	dot:         dotGeneric,
	max:         maxGeneric,
	exp:         expGeneric,
	expSum:      expSumGeneric,
	axpy:        axpyGeneric,
	scale:       scaleGeneric,
	add:         addGeneric,
	mul:         mulGeneric,
	mulAdd:      mulAddGeneric,
	swiglu:      swigluGeneric,
	swigluGrad:  swigluGradGeneric,
	widenBF16:   widenBF16Generic,
	widenF16:    widenF16Generic,
	widen4:      widen4Generic,

	addTo:        addToGeneric,
	rotate:       rotateGeneric,
	index:        indexGeneric,
	adamw:        adamwGeneric,
	expScale:     expScaleGeneric,
	expMoments:   expMomentsGeneric,
	softmaxGrad:  softmaxGradGeneric,
	silu:         siluGeneric,
	siluGrad:     siluGradGeneric,
	geluTanh:     geluTanhGeneric,
	geluTanhGrad: geluTanhGradGeneric,
	gelu:         geluGeneric,
	geluGrad:     geluGradGeneric,
	softCap:      softCapGeneric,
	sum64:        sum64Generic,
	sumSq:        sumSqGeneric,
	normalize:    normalizeGeneric,
	normSums:     normSumsGeneric,
	normGrad:     normGradGeneric,
}

// columnGeneric computes a column of tiles, rows×cols elements of C, cols at most nr, from bands of mr rows of A that begin step apart, and cols
// columns of B, over a part of K of length k ≥ 1:
//
//	for i := range rows {
//		for j := range cols {
//			s := +0, or c[i*ldc+j] when add
//			for l := range k {
//				s = fma(a[i/mr*step+i%mr*ras+l*cas], b[l*ldb+j], s)
//			}
//			c[i*ldc+j] = s
//		}
//	}
//
// A's strides are free, so packed panels and matrices as they lie in memory, transposed or not, serve alike.
func columnGeneric(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead) {
	for i := range rows {
		row, from := c[i*ldc:][:cols], i/genericRows*step+i%genericRows*ras
		if !add {
			clear(row)
		}
		for l := range k {
			x := a[from+l*cas]
			for j, y := range b[l*ldb:][:cols] {
				row[j] = fma(x, y, row[j])
			}
		}
	}
}

// packGeneric writes a panel (see pack.go) of w whole rows:
//
//	for l := range k {
//		for i := range w {
//			dst[l*w+i] = src[i*ras+l*cas]
//		}
//	}
func packGeneric(dst []float32, w int, src []float32, ras, cas, k int) {
	for l := range k {
		row := dst[l*w:][:w]
		for i := range row {
			row[i] = src[i*ras+l*cas]
		}
	}
}

// packBF16Generic is packGeneric of bfloat16 numbers.
func packBF16Generic(dst []float32, w int, src []uint16, ras, cas, k int) {
	for l := range k {
		row := dst[l*w:][:w]
		for i := range row {
			row[i] = math.Float32frombits(uint32(src[i*ras+l*cas]) << 16)
		}
	}
}

// prefetchGeneric does nothing. Its twins have the cache fetch n bytes at p and in each of the following rows, stride bytes apart.
func prefetchGeneric(p uintptr, stride, rows, n int) {}
