package cpu

import (
	"fmt"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
)

// A lora is the low-rank part of an adapted linear (see package adapter):
//
//	h = s·(x·Aᵀ)    y += h·Bᵀ
//
// The sum continues the chain of additions that W and the bias began, so a B of zeros leaves every bit of y as it is.
type lora struct {
	a, b   simd.Operand // (r, in), (out, r); float32
	da, db []float32    // nil where the adapter is frozen
	scale  float32      // s
}

// A lowRank is the engine's room for h and dh, (T, r) each for the greatest rank, and for the transpose of dB; linears use it in turn.
type lowRank struct{ h, dh, dbT []float32 }

// low computes h for the rows of x.
func (e *Engine) low(l *lora, x []float32, rows int) []float32 {
	h := e.lowRank.h[:rows*l.a.Rows]
	simd.Gemm(e.pool, h, l.a.Rows, simd.Matrix(x, rows, l.a.Cols), l.a.T(), false)
	e.threads.Scale(h, l.scale)
	return h
}

// applyLow adds h·Bᵀ to y.
func (e *Engine) applyLow(l *lora, y []float32, ldy int, x []float32, rows int) {
	h := e.low(l, x, rows)
	simd.Gemm(e.pool, y, ldy, simd.Matrix(h, rows, l.a.Rows), l.b.T(), true)
}

// applyLowBackward adds dh·A to dx, unless that is nil, dhᵀ·x to dA and dyᵀ·h to dB, where dh = s·(dy·B). The sums over rows run in the rows' order.
func (e *Engine) applyLowBackward(l *lora, dx []float32, dy simd.Operand, x []float32) {
	rows, r, in, out := dy.Rows, l.a.Rows, l.a.Cols, l.b.Rows
	if l.db != nil {
		h := e.low(l, x, rows)
		t := e.lowRank.dbT[:r*out] // hᵀ·dy reads the rows of dy one behind another; dyᵀ·h would read down its columns
		e.transpose(t, l.db, out, r)
		simd.Gemm(e.pool, t, out, simd.Matrix(h, rows, r).T(), dy, true)
		e.transpose(l.db, t, r, out)
	}
	dh := e.lowRank.dh[:rows*r]
	simd.Gemm(e.pool, dh, r, dy, l.b.Block(0, out, 0, r), false)
	e.threads.Scale(dh, l.scale)
	g := simd.Matrix(dh, rows, r)
	if l.da != nil {
		simd.Gemm(e.pool, l.da, in, g.T(), simd.Matrix(x, rows, in), true)
	}
	if dx != nil {
		simd.Gemm(e.pool, dx, in, g, l.a, true)
	}
}

// transpose writes the transpose of src (rows, cols) to dst.
func (e *Engine) transpose(dst, src []float32, rows, cols int) {
	e.loops.transposing = transposing{dst, src, rows, cols}
	e.threads.Each(cols, &e.loops.transposing)
}

// transposing writes a row of dst.
type transposing struct {
	dst, src   []float32
	rows, cols int
}

func (l *transposing) Row(i int) {
	dst := l.dst[i*l.rows:][:l.rows]
	for j := range dst {
		dst[j] = l.src[j*l.cols+i]
	}
}

// adapt adds an adapter to the tensors of its base. With train it makes what the adapter holds, and nothing else, trainable; the order
// of the parameters is the adapter's.
func adapt(held map[string]tensor, c *model.Config, a *adapter.Adapter, train bool) ([]model.Param, error) {
	var params []model.Param
	wide := func(t checkpoint.Tensor, decay bool) model.Param {
		p := model.Param{Name: t.Name, Shape: t.Shape, Decay: decay, Data: make([]float32, t.Len())}
		t.Widen(p.Data, 0)
		if train {
			p.Grad = make([]float32, len(p.Data))
			params = append(params, p)
		}
		return p
	}
	for _, m := range a.Modules {
		t, ok := held[m.Name+".weight"]
		if in, out := m.A.Shape[1], m.B.Shape[0]; !ok || in*out != t.op.Rows*t.op.Cols {
			return nil, fmt.Errorf("cpu: the adapter has a part for a module %s of %d inputs and %d outputs, which the model lacks: "+
				"open it with the model's configuration", m.Name, in, out)
		}
		pa, pb := wide(m.A, true), wide(m.B, true)
		t.lora = &lora{a: simd.Matrix(pa.Data, m.A.Shape[0], m.A.Shape[1]), b: simd.Matrix(pb.Data, m.B.Shape[0], m.B.Shape[1]),
			da: pa.Grad, db: pb.Grad, scale: m.Scale}
		held[m.Name+".weight"] = t
	}
	head, embed := c.Names.Head+".weight", c.Names.Embed+".weight"
	if c.Tied && slices.ContainsFunc(a.Saved, func(s adapter.Saved) bool { return s.Base.Name == head || s.Base.Name == embed }) {
		// What is trained whole is a copy: the head and the embedding are one tensor no longer (PEFT ties copies only on request).
		held[head] = held[embed]
	}
	for _, s := range a.Saved {
		if t := held[s.Base.Name]; t.op.Type == simd.Code4 {
			return nil, fmt.Errorf("cpu: modules_to_save has %s, which is held in 4 bits: leave it to the adapter, or leave out load_in_4bit", s.Base.Name)
		}
		rows, cols := matrixShape(s.Base.Shape)
		if !train {
			t, err := frozen(s.Tensor)
			if err != nil {
				return nil, err
			}
			held[s.Base.Name] = t
			continue
		}
		p := wide(s.Tensor, s.Base.Decay())
		held[s.Base.Name] = tensor{op: simd.Matrix(p.Data, rows, cols), grad: p.Grad}
	}
	return params, nil
}
