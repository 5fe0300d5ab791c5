package parallel

import "github.com/steelyard-ml/steelyard/internal/simd"

// How work is cut.
const (
	eachRows    = 8
	chunkSize   = 4096
	columnWidth = 64
)

// Threads are a pool of them.
type Threads struct{ *simd.Pool }

// Each calls f for every row.
func (t Threads) Each(rows int, f func(i int)) {
	t.Run((rows+eachRows-1)/eachRows, func(_, block int) {
		for i := block * eachRows; i < min((block+1)*eachRows, rows); i++ {
			f(i)
		}
	})
}

// Chunks calls f for consecutive pieces of n elements.
func (t Threads) Chunks(n int, f func(from, to int)) { t.pieces(n, chunkSize, f) }

// Columns calls f for consecutive blocks of columns; f goes over the rows in their order.
func (t Threads) Columns(n int, f func(from, to int)) { t.pieces(n, columnWidth, f) }

func (t Threads) pieces(n, size int, f func(from, to int)) {
	t.Run((n+size-1)/size, func(_, i int) { f(i*size, min((i+1)*size, n)) })
}
