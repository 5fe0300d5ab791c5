package cpu

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// weights are a model's tensors, where its architecture has them. A gradient is nil where the weight is frozen.
type weights struct {
	embed  linear // (V, C), read by row
	layers []layer
	final  norm
	head   linear // (V, C); the embedding where the head is tied
}

// A layer is one block: x + o(attention(norm(x))), then that + down(silu(gate(norm(·))) ∘ up(norm(·))).
type layer struct {
	attnNorm, mlpNorm norm
	q, k, v, o        linear
	gate, up, down    linear
}

// A source gives the stored tensor of a name, as checkpoint.Dir does.
type source func(name string) (checkpoint.Tensor, error)

// A tensor is a weight as the engine holds it.
type tensor struct {
	op   simd.Operand // as stored, or float32 where trainable
	grad []float32
	lora *lora
}

// loadFrozen views every tensor where and as it is stored.
func loadFrozen(c *model.Config, from source) (map[string]tensor, error) {
	held := map[string]tensor{}
	for _, spec := range c.Tensors() {
		t, err := from(spec.Name)
		if err != nil {
			return nil, err
		}
		w, err := frozen(t)
		if err != nil {
			return nil, err
		}
		if t.Quant != nil && spec.Kind == model.Conv1D { // in 4 bits it is (out, in)
			w.op = w.op.T()
		}
		held[spec.Name] = w
	}
	return held, nil
}

// frozen views a tensor as it is stored.
func frozen(t checkpoint.Tensor) (tensor, error) {
	rows, cols := matrixShape(t.Shape)
	op := simd.Operand{Rows: rows, Cols: cols, Stride: cols}
	switch t.DType {
	case checkpoint.F32:
		op.Type, op.F32 = simd.F32, simd.Float32s(t.Data)
	case checkpoint.BF16:
		op.Type, op.Raw = simd.BF16, simd.Uint16s(t.Data)
	case checkpoint.F16:
		op.Type, op.Raw = simd.F16, simd.Uint16s(t.Data)
	case checkpoint.NF4, checkpoint.FP4:
		run, scales := t.Quant.Scales()
		values := t.Quant.Type.Values()
		op.Type, op.Codes = simd.Code4, &simd.Codes{Data: t.Quant.Codes, Values: &values, Scales: scales, Run: run}
	default:
		return tensor{}, fmt.Errorf("cpu: tensor %s has type %s: F32, BF16, F16 or 4 bits are needed", t.Name, t.DType)
	}
	return tensor{op: op}, nil
}

// loadTrainable copies every tensor as float32 and gives it a gradient.
func loadTrainable(c *model.Config, from source) (map[string]tensor, []model.Param, error) {
	held := map[string]tensor{}
	var params []model.Param
	for _, spec := range c.Tensors() {
		t, err := from(spec.Name)
		if err != nil {
			return nil, nil, err
		}
		rows, cols := matrixShape(spec.Shape)
		p := model.Param{Name: spec.Name, Shape: spec.Shape, Decay: spec.Decay(),
			Data: make([]float32, rows*cols), Grad: make([]float32, rows*cols)}
		t.Widen(p.Data, 0)
		held[spec.Name] = tensor{op: simd.Matrix(p.Data, rows, cols), grad: p.Grad}
		params = append(params, p)
	}
	return held, params, nil
}

// matrixShape reads a vector as one row.
func matrixShape(shape []int) (rows, cols int) {
	if len(shape) == 1 {
		return 1, shape[0]
	}
	return shape[0], shape[1]
}

// assemble puts the tensors where the architecture has them.
func assemble(c *model.Config, held map[string]tensor) *weights {
	n := c.Names
	vector := func(name string) ([]float32, []float32) {
		t, ok := held[name]
		if !ok {
			return nil, nil
		}
		if t.op.Type == simd.F32 {
			return t.op.F32, t.grad
		}
		wide := make([]float32, t.op.Cols)
		t.op.Row(wide, 0)
		return wide, t.grad
	}
	lin := func(name string) linear {
		t := held[name+".weight"]
		l := linear{w: t.op, dw: t.grad, lora: t.lora}
		l.b, l.db = vector(name + ".bias")
		return l
	}
	nrm := func(name string) norm {
		g, dg := vector(name + ".weight")
		return norm{g: g, dg: dg, eps: c.NormEps}
	}
	w := &weights{embed: lin(n.Embed), final: nrm(n.FinalNorm)}
	w.head = w.embed
	if _, own := held[n.Head+".weight"]; own {
		w.head = lin(n.Head)
	}
	for i := range c.Layers {
		at := func(name string) string { return model.Layer(name, i) }
		w.layers = append(w.layers, layer{
			attnNorm: nrm(at(n.AttnNorm)), mlpNorm: nrm(at(n.MLPNorm)),
			q: lin(at(n.Q)), k: lin(at(n.K)), v: lin(at(n.V)), o: lin(at(n.O)),
			gate: lin(at(n.Gate)), up: lin(at(n.Up)), down: lin(at(n.Down)),
		})
	}
	return w
}
