package cpu

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/steelyard-ml/steelyard/internal/memory"
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/norm"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/rotary"
)

// weights are a model's tensors, where its architecture has them. A gradient is nil where the weight is frozen.
type weights struct {
	embed     linear // (V, C), read by row
	positions linear // (positions, C), read by row; where positions are learned
	layers    []layer
	final     norm.Norm
	head      linear // (V, C); the embedding where the head is tied
}

// A layer is one block: attention and a feed-forward network, each added to the residual stream, with norms before or behind them. What
// the architecture lacks is empty.
type layer struct {
	attnNorm, attnPost, mlpNorm, mlpPost norm.Norm
	qNorm, kNorm                         norm.Norm

	qkv     linear // or:
	q, k, v linear
	o       linear

	mlp    network
	router linear // (E, C) experts in place of mlp
	expert []network

	attn   attention.Layer
	rotary *rotary.Table // nil where nothing is turned
}

// A network is down(a(gate(x)) ∘ up(x)), or down(a(up(x))).
type network struct {
	gateUp         linear // gate above up, or:
	gate, up, down linear
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
		op.Type, op.F32 = simd.F32, memory.Float32s(t.Data)
	case checkpoint.BF16:
		op.Type, op.Raw = simd.BF16, memory.Uint16s(t.Data)
	case checkpoint.F16:
		op.Type, op.Raw = simd.F16, memory.Uint16s(t.Data)
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
	specs := c.Tensors()
	data, grads := sideBySide(specs), sideBySide(specs)
	for i, spec := range specs {
		t, err := from(spec.Name)
		if err != nil {
			return nil, nil, err
		}
		rows, cols := matrixShape(spec.Shape)
		p := model.Param{Name: spec.Name, Shape: spec.Shape, Decay: spec.Decay(), Data: data[i], Grad: grads[i]}
		t.Widen(p.Data, 0)
		held[spec.Name] = tensor{op: simd.Matrix(p.Data, rows, cols), grad: p.Grad}
		params = append(params, p)
	}
	return held, params, nil
}

// sideBySide returns an array for every tensor. Matrices lie in their order, then vectors, so that layers which read the same rows, and their biases, are
// neighbours (see join).
func sideBySide(specs []model.TensorSpec) [][]float32 {
	order := make([]int, len(specs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(specs[j].Shape), len(specs[i].Shape)) })
	lengths, arrays := make([]int, len(specs)), make([][]float32, len(specs))
	for at, i := range order {
		rows, cols := matrixShape(specs[i].Shape)
		lengths[at] = rows * cols
	}
	for at, array := range memory.Arrays(lengths) {
		arrays[order[at]] = array
	}
	return arrays
}

// bytesOf returns what tensors, their gradients and their adapters take.
func bytesOf(held map[string]tensor) (n int64) {
	floats := func(all ...[]float32) {
		for _, x := range all {
			n += 4 * int64(len(x))
		}
	}
	for _, t := range held {
		floats(t.op.F32, t.grad)
		n += 2 * int64(len(t.op.Raw))
		if t.op.Codes != nil {
			n += int64(len(t.op.Codes.Data))
			floats(t.op.Codes.Scales)
		}
		if l := t.lora; l != nil {
			floats(l.a.F32, l.b.F32, l.da, l.db)
		}
	}
	return n
}

// trained says whether something of the layer has a gradient.
func (l *layer) trained() bool {
	linears := []*linear{&l.qkv, &l.q, &l.k, &l.v, &l.o, &l.router}
	for _, net := range append([]network{l.mlp}, l.expert...) {
		linears = append(linears, &net.gateUp, &net.gate, &net.up, &net.down)
	}
	for _, x := range linears {
		if x.dw != nil || x.db != nil || x.lora != nil && x.lora.da != nil {
			return true
		}
	}
	for _, n := range []*norm.Norm{&l.attnNorm, &l.attnPost, &l.mlpNorm, &l.mlpPost, &l.qNorm, &l.kNorm} {
		if n.DG != nil || n.DB != nil {
			return true
		}
	}
	return false
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
	a := assembler{c, held}
	n := &c.Names
	w := &weights{embed: a.table(n.Embed), final: a.norm(n.FinalNorm)}
	if c.Positions {
		w.positions = a.table(n.Positions)
	}
	w.head = w.embed
	if _, own := held[n.Head+".weight"]; own {
		w.head = a.table(n.Head)
	}
	for i := range c.Layers {
		w.layers = append(w.layers, a.layer(i))
	}
	return w
}

// An assembler finds tensors by their names.
type assembler struct {
	c    *model.Config
	held map[string]tensor
}

func (a assembler) vector(name string) (data, grad []float32) {
	t, ok := a.held[name]
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

// table returns a matrix that is stored (out, in) in every family.
func (a assembler) table(name string) linear {
	t := a.held[name+".weight"]
	return linear{w: t.op, dw: t.grad, lora: t.lora}
}

// linear returns a linear layer, an empty one for no name.
func (a assembler) linear(name string) linear {
	if name == "" {
		return linear{}
	}
	l := a.table(name)
	if a.c.Names.Transposed {
		l.w, l.transposed = l.w.T(), true
	}
	l.b, l.db = a.vector(name + ".bias")
	return l
}

func (a assembler) norm(name string) norm.Norm {
	n := norm.Norm{Kind: a.c.Norm, Eps: a.c.NormEps}
	n.G, n.DG = a.vector(name + ".weight")
	n.B, n.DB = a.vector(name + ".bias")
	return n
}

func (a assembler) layer(i int) layer {
	c, n := a.c, &a.c.Names
	at := func(name string) string { return model.Layer(name, i) }
	l := layer{
		attnNorm: a.norm(at(n.AttnNorm)), attnPost: a.norm(at(n.AttnPostNorm)),
		mlpNorm: a.norm(at(n.MLPNorm)), mlpPost: a.norm(at(n.MLPPostNorm)),
		qNorm: a.norm(at(n.QNorm)), kNorm: a.norm(at(n.KNorm)),
		qkv: a.linear(at(n.QKV)), q: a.linear(at(n.Q)), k: a.linear(at(n.K)), v: a.linear(at(n.V)), o: a.linear(at(n.O)),
		attn: attention.LayerOf(c, i),
	}
	if n.QKV == "" {
		l.qkv = join(l.q, l.k, l.v)
	}
	if !c.Sparse(i) {
		l.mlp = network{gateUp: a.linear(at(n.GateUp)), gate: a.linear(at(n.Gate)), up: a.linear(at(n.Up)), down: a.linear(at(n.Down))}
		l.mlp.join()
		return l
	}
	l.router = a.table(at(n.Router))
	for x := range c.Experts.Count {
		of := func(name string) linear { return a.table(model.ExpertName(name, i, x)) }
		net := network{gate: of(n.ExpertGate), up: of(n.ExpertUp), down: of(n.ExpertDown)}
		net.join()
		l.expert = append(l.expert, net)
	}
	return l
}
