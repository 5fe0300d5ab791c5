//go:build amd64 || arm64

package simd

import "unsafe"

// tile6x16 computes a whole tile of 6×16, in AVX2 or NEON.
//
//go:noescape
func tile6x16(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)

// column6x16 is columnGeneric for bands of 6 rows. Its whole tiles are written by tile6x16, the others are copied from and to one.
func column6x16(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead) {
	const mr, nr = 6, 16
	for i := 0; i < rows; i += mr {
		tile, m := c[i*ldc:], min(mr, rows-i)
		if then := i + mr; add && then < rows {
			prefetchRows(uintptr(unsafe.Pointer(&c[then*ldc])), 4*ldc, min(mr, rows-then), 4*cols)
		}
		next.fetch(k / 16)
		if from := a[i/mr*step:]; m == mr && cols == nr {
			tile6x16(k, from, ras, cas, b, ldb, tile, ldc, add)
		} else {
			edge6x16(m, cols, k, from, ras, cas, b, ldb, tile, ldc, add)
		}
	}
}

// edge6x16 computes a tile of fewer rows or columns.
func edge6x16(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool) {
	const mr, nr = 6, 16
	var tile [mr * nr]float32
	for i := 0; add && i < rows; i++ {
		copy(tile[i*nr:][:cols], c[i*ldc:])
	}
	tile6x16(k, a, ras, cas, b, ldb, tile[:], nr, add)
	for i := range rows {
		copy(c[i*ldc:][:cols], tile[i*nr:])
	}
}

// fetch has so many lines fetched, or those that are left.
func (p *ahead) fetch(lines int) {
	for lines > 0 && p.rows > 0 {
		n := min(lines, (p.left+63)/64)
		prefetchRows(p.at, 0, 1, 64*n)
		p.pass(n)
		lines -= n
	}
}
