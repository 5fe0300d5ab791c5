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
	out, in := l.w.Rows, l.w.Cols
	rows := len(x) / in
	e.rows.forward += rows
	e.gemm(e.pool, y, ldy, simd.Matrix(x, rows, in), l.w.T(), false)
	if l.b != nil {
		e.threads.Each(rows, func(i int) { simd.Add(y[i*ldy:][:out], l.b) })
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
		e.threads.Columns(out, func(from, to int) {
			for i := range rows {
				simd.Add(l.db[from:to], dy[i*ldy+from:i*ldy+to])
			}
		})
	}
}
