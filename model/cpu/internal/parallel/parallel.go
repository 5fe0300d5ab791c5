package parallel

import "github.com/steelyard-ml/steelyard/internal/simd"

// How work is cut.
const (
	eachRows    = 8
	chunkSize   = 4096
	columnWidth = 64
)

// Threads are a pool of them, for one caller.
type Threads struct {
	*simd.Pool

	// The call under way: its f, and the tasks around it, which are made once.
	n, size          int
	each             func(i int)
	piece            func(from, to int)
	eachRow, onPiece func(worker, i int)
}

// New returns the threads of a pool.
func New(p *simd.Pool) *Threads {
	t := &Threads{Pool: p}
	t.eachRow = func(_, block int) {
		for i := block * eachRows; i < min((block+1)*eachRows, t.n); i++ {
			t.each(i)
		}
	}
	t.onPiece = func(_, i int) { t.piece(i*t.size, min((i+1)*t.size, t.n)) }
	return t
}

// Each calls f for every row.
func (t *Threads) Each(rows int, f func(i int)) {
	t.n, t.each = rows, f
	t.Run((rows+eachRows-1)/eachRows, t.eachRow)
	t.each = nil
}

// Chunks calls f for consecutive pieces of n elements.
func (t *Threads) Chunks(n int, f func(from, to int)) { t.pieces(n, chunkSize, f) }

// Columns calls f for consecutive blocks of columns; f goes over the rows in their order.
func (t *Threads) Columns(n int, f func(from, to int)) { t.pieces(n, columnWidth, f) }

func (t *Threads) pieces(n, size int, f func(from, to int)) {
	t.n, t.size, t.piece = n, size, f
	t.Run((n+size-1)/size, t.onPiece)
	t.piece = nil
}
