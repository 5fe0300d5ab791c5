package parallel

import "github.com/steelyard-ml/steelyard/internal/simd"

// How work is cut.
const (
	eachRows    = 8
	chunkSize   = 4096
	columnWidth = 64
)

// A Row is the body of a loop over rows. One that lies in memory which is there anyway costs no allocation, as a closure would.
type Row interface{ Row(i int) }

// A Piece is the body of a loop over pieces of consecutive elements or columns.
type Piece interface{ Piece(from, to int) }

// Threads are a pool of them, for one caller.
type Threads struct {
	*simd.Pool

	// The call under way, and the tasks around its body, which are made once.
	n, size          int
	row              Row
	piece            Piece
	eachRow, onPiece func(worker, i int)
	vectors          vectors
	room             []float32
}

// New returns the threads of a pool.
func New(p *simd.Pool) *Threads {
	t := &Threads{Pool: p}
	t.eachRow = func(_, block int) {
		for i := block * t.size; i < min((block+1)*t.size, t.n); i++ {
			t.row.Row(i)
		}
	}
	t.onPiece = func(_, i int) { t.piece.Piece(i*t.size, min((i+1)*t.size, t.n)) }
	return t
}

// Each runs a body for every row.
func (t *Threads) Each(rows int, body Row) { t.rows(rows, eachRows, body) }

// Tasks runs a body for every one of n tasks: rows that take long.
func (t *Threads) Tasks(n int, body Row) { t.rows(n, 1, body) }

func (t *Threads) rows(n, size int, body Row) {
	t.n, t.size, t.row = n, size, body
	t.Run((n+size-1)/size, t.eachRow)
	t.row = nil
}

// Chunks runs a body for consecutive pieces of n elements.
func (t *Threads) Chunks(n int, body Piece) { t.pieces(n, chunkSize, body) }

// Columns runs a body for consecutive blocks of columns; the body goes over the rows in their order.
func (t *Threads) Columns(n int, body Piece) { t.pieces(n, columnWidth, body) }

func (t *Threads) pieces(n, size int, body Piece) {
	t.n, t.size, t.piece = n, size, body
	t.Run((n+size-1)/size, t.onPiece)
	t.piece = nil
}

// Room returns n numbers for the caller's use until it asks again. They are whatever was left there.
func (t *Threads) Room(n int) []float32 {
	if cap(t.room) < n {
		t.room = make([]float32, n)
	}
	return t.room[:n]
}
