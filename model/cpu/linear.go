package cpu

import "github.com/steelyard-ml/steelyard/internal/simd"

// A linear is y = x·Wᵀ + b.
type linear struct {
	w  simd.Operand // (out, in)
	b  []float32    // (out), nil where there is none
	dw []float32    // (out, in), or (in, out) where transposed
	db []float32    // (out)
	// transposed says that the weight is stored (in, out): w is the transpose of what is stored.
	transposed bool

	lora *lora // what an adapter adds, or nil
}

// strided views the first cols of every stride elements of a as a (rows, cols) matrix.
func strided(a []float32, rows, cols, stride int) simd.Operand {
	return simd.Operand{F32: a, Rows: rows, Cols: cols, Stride: stride}
}

// apply computes y = x·Wᵀ + b, and what an adapter adds, for the rows of x, a row of y every ldy elements. x is (rows, in).
func (e *Engine) apply(l *linear, y []float32, ldy int, x []float32) {
	in := l.w.Cols
	rows := len(x) / in
	e.rows.forward += rows
	e.gemm(e.pool, y, ldy, simd.Matrix(x, rows, in), l.w.T(), false)
	if l.b != nil {
		e.loops.biasing = biasing{y, ldy, l.b}
		e.threads.Each(rows, &e.loops.biasing)
	}
	if l.lora != nil {
		e.applyLow(l.lora, y, ldy, x, rows)
	}
}

// mode says whether a result replaces what is there or is added to it.
type mode bool

const (
	replace    mode = false
	accumulate mode = true
)

// applyBackward computes dx = dy·W, or adds it to dx, unless dx is nil, and adds dyᵀ·x to dW and the sum of dy's rows to db. dy has a row every ldy
// elements; dx and x are (rows, in). The sums over rows run in the rows' order.
func (e *Engine) applyBackward(l *linear, dx []float32, m mode, dy []float32, ldy int, x []float32) {
	out, in := l.w.Rows, l.w.Cols
	rows := len(x) / in
	g := strided(dy, rows, out, ldy)
	if dx != nil {
		e.rows.backward += rows
		simd.Gemm(e.pool, dx, in, g, l.w, bool(m))
	}
	if l.lora != nil {
		e.applyLowBackward(l.lora, dx, g, x)
	}
	switch {
	case l.dw == nil:
	case l.transposed:
		e.rows.backward += rows
		simd.Gemm(e.pool, l.dw, out, simd.Matrix(x, rows, in).T(), g, true)
	default:
		e.rows.backward += rows
		simd.Gemm(e.pool, l.dw, in, g.T(), simd.Matrix(x, rows, in), true)
	}
	if l.db != nil {
		e.loops.biasSum = biasSum{l.db, dy, ldy, rows}
		e.threads.Columns(out, &e.loops.biasSum)
	}
}

// biasing adds the bias to a row.
type biasing struct {
	y   []float32
	ldy int
	b   []float32
}

func (l *biasing) Row(i int) { simd.Add(l.y[i*l.ldy:][:len(l.b)], l.b) }

// biasSum adds the rows of dy to the bias's gradient.
type biasSum struct {
	db, dy    []float32
	ldy, rows int
}

func (l *biasSum) Piece(from, to int) {
	for i := range l.rows {
		simd.Add(l.db[from:to], l.dy[i*l.ldy+from:i*l.ldy+to])
	}
}

// Layers that read the same rows are computed as one where their weights lie behind one another in memory, as those that are trained do, and in
// many a checkpoint gate and up: the rows are packed once, and a product is wider. No value depends on it.

// join makes gate and up one layer where they can be.
func (w *network) join() {
	if w.gateUp.w.Rows == 0 && w.gate.w.Rows > 0 {
		w.gateUp = join(w.gate, w.up)
	}
}

// join returns the layers as one, whose outputs stand behind one another, or an empty one where they can't be.
func join(first linear, others ...linear) linear {
	all := first
	for _, l := range others {
		var ok bool
		if all, ok = all.and(l); !ok {
			return linear{}
		}
	}
	return all
}

// and returns l and m as one layer.
func (l linear) and(m linear) (both linear, ok bool) {
	a, b := l.w, m.w
	if l.transposed || m.transposed || l.lora != nil || m.lora != nil || a.Type != b.Type || a.Type == simd.Code4 || a.Cols != b.Cols {
		return linear{}, false
	}
	a.Rows += b.Rows
	both.w = a
	ok = joined(&both.w.F32, a.F32, b.F32) && joined(&both.w.Raw, a.Raw, b.Raw) && joined(&both.dw, l.dw, m.dw) &&
		joined(&both.b, l.b, m.b) && joined(&both.db, l.db, m.db)
	return both, ok
}

// joined sets both to a and b where b lies right behind a in memory, or where there is neither.
func joined[T any](both *[]T, a, b []T) bool {
	n := len(a) + len(b)
	switch {
	case len(a) == 0 && len(b) == 0:
		return true
	case len(a) == 0 || len(b) == 0 || cap(a) < n || &a[:n][len(a)] != &b[0]:
		return false
	}
	*both = a[:n]
	return true
}
