package simd

// copyN writes k groups of N numbers, stride apart, side by side; of bfloat16 numbers, widened. k is positive.

//go:noescape
func copy6NEON(dst, src []float32, stride, k int)

//go:noescape
func copy16NEON(dst, src []float32, stride, k int)

//go:noescape
func copy16BF16NEON(dst []float32, src []uint16, stride, k int)

// transposeN writes k columns of N rows, stride apart, as rows of dst, w apart. k is a positive multiple of 4, of 8 for bfloat16 numbers.

//go:noescape
func transpose6NEON(dst, src []float32, stride, k int) // w is 6

//go:noescape
func transpose4NEON(dst []float32, w int, src []float32, stride, k int)

//go:noescape
func transpose4BF16NEON(dst []float32, w int, src []uint16, stride, k int)

// transposeStrip is how many columns are transposed of all rows before the next: what is written of a panel stays in L1 until it is whole.
const transposeStrip = 64

func packNEON(dst []float32, w int, src []float32, ras, cas, k int) {
	switch {
	case ras == 1 && w == 16:
		copy16NEON(dst, src, cas, k)
	case ras == 1 && w == 6:
		copy6NEON(dst, src, cas, k)
	case cas == 1 && (w == 6 || w == 16):
		whole := k &^ 3
		for l := 0; l < whole; l += transposeStrip {
			n := min(transposeStrip, whole-l)
			if w == 6 {
				transpose6NEON(dst[l*w:], src[l:], ras, n)
				continue
			}
			for i := 0; i < w; i += 4 {
				transpose4NEON(dst[l*w+i:], w, src[i*ras+l:], ras, n)
			}
		}
		if whole < k {
			packGeneric(dst[whole*w:], w, src[whole:], ras, cas, k-whole)
		}
	default:
		packGeneric(dst, w, src, ras, cas, k)
	}
}

func packBF16NEON(dst []float32, w int, src []uint16, ras, cas, k int) {
	switch {
	case ras == 1 && w == 16:
		copy16BF16NEON(dst, src, cas, k)
	case cas == 1 && w == 16:
		whole := k &^ 7
		for l := 0; l < whole; l += transposeStrip {
			n := min(transposeStrip, whole-l)
			for i := 0; i < w; i += 4 {
				transpose4BF16NEON(dst[l*w+i:], w, src[i*ras+l:], ras, n)
			}
		}
		if whole < k {
			packBF16Generic(dst[whole*w:], w, src[whole:], ras, cas, k-whole)
		}
	default:
		packBF16Generic(dst, w, src, ras, cas, k)
	}
}
