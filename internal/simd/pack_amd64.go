package simd

// copyN writes k groups of N numbers, stride apart, side by side; of bfloat16 numbers, widened. k is positive.

//go:noescape
func copy6AVX2(dst, src []float32, stride, k int)

//go:noescape
func copy16AVX2(dst, src []float32, stride, k int)

//go:noescape
func copy16BF16AVX2(dst []float32, src []uint16, stride, k int)

//go:noescape
func copy8AVX512(dst, src []float32, stride, k int)

//go:noescape
func copy32AVX512(dst, src []float32, stride, k int)

//go:noescape
func copy48AVX512(dst, src []float32, stride, k int)

//go:noescape
func copy32BF16AVX512(dst []float32, src []uint16, stride, k int)

//go:noescape
func copy48BF16AVX512(dst []float32, src []uint16, stride, k int)

// copy4x8AVX512 writes k groups of 32 numbers, stride apart, as four panels of 8 that begin step apart.
//
//go:noescape
func copy4x8AVX512(dst []float32, step int, src []float32, stride, k int)

// transposeN writes k columns of N rows, stride apart, as rows of dst, w apart. k is a positive multiple of 4, of 8 for bfloat16 numbers.

//go:noescape
func transpose6AVX2(dst, src []float32, stride, k int) // w is 6

//go:noescape
func transpose8AVX2(dst []float32, w int, src []float32, stride, k int)

//go:noescape
func transpose8BF16AVX2(dst []float32, w int, src []uint16, stride, k int)

// transposeStrip is how many columns are transposed of all rows before the next: what is written of a panel stays in L1 until it is whole.
const transposeStrip = 128

func packAVX2(dst []float32, w int, src []float32, ras, cas, k int) {
	switch {
	case ras == 1 && w == 16:
		copy16AVX2(dst, src, cas, k)
	case ras == 1 && w == 6:
		copy6AVX2(dst, src, cas, k)
	case cas == 1 && w == 6:
		whole := k &^ 3
		if whole > 0 {
			transpose6AVX2(dst, src, ras, whole)
		}
		packGeneric(dst[whole*w:], w, src[whole:], ras, cas, k-whole)
	case cas == 1 && w == 16:
		transposeAVX2(dst, w, src, ras, k)
	default:
		packGeneric(dst, w, src, ras, cas, k)
	}
}

func packAVX512(dst []float32, w int, src []float32, ras, cas, k int) {
	switch {
	case ras == 1 && w == 48:
		copy48AVX512(dst, src, cas, k)
	case ras == 1 && w == 32:
		copy32AVX512(dst, src, cas, k)
	case ras == 1 && w == 16:
		copy16AVX2(dst, src, cas, k)
	case ras == 1 && w == 8:
		copy8AVX512(dst, src, cas, k)
	case cas == 1 && w%8 == 0:
		transposeAVX2(dst, w, src, ras, k)
	default:
		packGeneric(dst, w, src, ras, cas, k)
	}
}

// transposeAVX2 packs w contiguous rows; w is a multiple of 8.
func transposeAVX2(dst []float32, w int, src []float32, ras, k int) {
	whole := k &^ 3
	for l := 0; l < whole; l += transposeStrip {
		n := min(transposeStrip, whole-l)
		for i := 0; i < w; i += 8 {
			transpose8AVX2(dst[l*w+i:], w, src[i*ras+l:], ras, n)
		}
	}
	if whole < k {
		packGeneric(dst[whole*w:], w, src[whole:], ras, 1, k-whole)
	}
}

func packBF16AVX2(dst []float32, w int, src []uint16, ras, cas, k int) {
	switch {
	case ras == 1 && w == 16:
		copy16BF16AVX2(dst, src, cas, k)
	case cas == 1 && w == 16:
		transposeBF16AVX2(dst, w, src, ras, k)
	default:
		packBF16Generic(dst, w, src, ras, cas, k)
	}
}

func packBF16AVX512(dst []float32, w int, src []uint16, ras, cas, k int) {
	switch {
	case ras == 1 && w == 48:
		copy48BF16AVX512(dst, src, cas, k)
	case ras == 1 && w == 32:
		copy32BF16AVX512(dst, src, cas, k)
	case ras == 1 && w == 16:
		copy16BF16AVX2(dst, src, cas, k)
	case cas == 1 && w%8 == 0:
		transposeBF16AVX2(dst, w, src, ras, k)
	default:
		packBF16Generic(dst, w, src, ras, cas, k)
	}
}

// transposeBF16AVX2 is transposeAVX2 of bfloat16 numbers; w is a multiple of 8.
func transposeBF16AVX2(dst []float32, w int, src []uint16, ras, k int) {
	whole := k &^ 7
	for l := 0; l < whole; l += transposeStrip {
		n := min(transposeStrip, whole-l)
		for i := 0; i < w; i += 8 {
			transpose8BF16AVX2(dst[l*w+i:], w, src[i*ras+l:], ras, n)
		}
	}
	if whole < k {
		packBF16Generic(dst[whole*w:], w, src[whole:], ras, 1, k-whole)
	}
}
