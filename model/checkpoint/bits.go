package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// What transformers and bitsandbytes store beside a weight in 4 bits, by the ending behind the weight's name.
const (
	absmaxEnding       = ".absmax"
	mapEnding          = ".quant_map"
	nestedAbsmaxEnding = ".nested_absmax"
	nestedMapEnding    = ".nested_quant_map"
	stateEnding        = ".quant_state.bitsandbytes__" // and the type
)

// findStored notes which weights are stored in 4 bits, and what lies beside them.
func (d *Dir) findStored() {
	d.stored, d.beside = map[string]quant.Type{}, map[string]bool{}
	for name := range d.where {
		weight, kind, ok := strings.Cut(name, stateEnding)
		if !ok {
			continue
		}
		d.stored[weight] = quant.Type(kind)
		for _, ending := range []string{absmaxEnding, mapEnding, nestedAbsmaxEnding, nestedMapEnding, stateEnding + kind} {
			d.beside[weight+ending] = true
		}
	}
}

// asked says how a weight is to be held in 4 bits, and whether it is stored as (in, out): a module in 4 bits has (out, in).
type asked struct {
	quant.Scheme
	transpose bool
}

// Quantize makes the directory give the weights of a configuration's linear layers in 4 bits, as transformers does with load_in_4bit: not
// the embeddings nor the head, nor experts and routers, which are no modules there. A value then depends on the weights as they are stored,
// whose widening is exact: loading a bfloat16 checkpoint as float32 first gives the same codes.
func (d *Dir) Quantize(c *model.Config, s quant.Scheme) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if len(d.stored) > 0 {
		return fmt.Errorf("checkpoint: %s is stored in 4 bits already (%s): leave out load_in_4bit", d.path, d.quantization())
	}
	d.asked = map[string]asked{}
	for _, spec := range c.Tensors() {
		if spec.Kind == model.Linear || spec.Kind == model.Conv1D {
			d.asked[spec.Name] = asked{s, spec.Kind == model.Conv1D}
		}
	}
	return nil
}

// Quantized says whether weights are given in 4 bits.
func (d *Dir) Quantized() bool { return len(d.asked)+len(d.stored) > 0 }

// quantization describes how weights are held: "none", or every scheme among them.
func (d *Dir) quantization() string {
	var all []string
	add := func(s quant.Scheme) {
		if text := s.String(); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, a := range d.asked {
		add(a.Scheme)
	}
	for name := range d.stored {
		if m, err := d.readState(name); err == nil {
			add(m.scheme())
		}
	}
	if all == nil {
		return "none"
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// quantize holds a tensor in 4 bits.
func (d *Dir) quantize(t Tensor, how asked) (Tensor, error) {
	if err := t.checkFloat(); err != nil {
		return t, err
	}
	if len(t.Shape) != 2 {
		return t, fmt.Errorf("checkpoint: %s: tensor %s has shape %v, a matrix is needed", d.path, t.Name, t.Shape)
	}
	shape, read := t.Shape, func(dst []float32, from int) { t.Widen(dst, from) }
	if how.transpose {
		shape, read = []int{t.Shape[1], t.Shape[0]}, t.widenTransposed
	}
	m, err := quant.Quantize(how.Scheme, shape, read)
	if err != nil {
		return t, fmt.Errorf("checkpoint: %s: tensor %s can't be held in 4 bits: %w", d.path, t.Name, err)
	}
	return inBits(t.Name, m), nil
}

// inBits is a tensor whose elements are those of m.
func inBits(name string, m *quant.Matrix) Tensor {
	t := Tensor{Name: name, DType: NF4, Shape: m.Shape, Quant: m}
	if m.Type == quant.FP4 {
		t.DType = FP4
	}
	return t
}

// widenTransposed is Widen of the transpose of a matrix.
func (t Tensor) widenTransposed(dst []float32, from int) {
	rows, cols := t.Shape[0], t.Shape[1]
	for i := range dst {
		at := from + i
		t.Widen(dst[i:i+1], at%rows*cols+at/rows)
	}
}

// A state is the JSON that lies beside a weight in 4 bits.
type state struct {
	Type         quant.Type `json:"quant_type"`
	BlockSize    int        `json:"blocksize"`
	DType        string     `json:"dtype"` // of the weight before; nothing here depends on it
	Shape        []int      `json:"shape"`
	NestedBlock  *int       `json:"nested_blocksize"`
	NestedDType  *string    `json:"nested_dtype"`
	NestedOffset *float64   `json:"nested_offset"`
}

func (s state) scheme() quant.Scheme {
	return quant.Scheme{Type: s.Type, BlockSize: s.BlockSize, Nested: s.NestedOffset != nil}
}

func (d *Dir) readState(weight string) (state, error) {
	var s state
	kind := d.stored[weight]
	t, err := d.raw(weight + stateEnding + string(kind))
	if err != nil {
		return s, err
	}
	if t.DType != "U8" {
		return s, fmt.Errorf("checkpoint: %s: tensor %s has type %s, it should be text in U8", d.path, t.Name, t.DType)
	}
	dec := json.NewDecoder(bytes.NewReader(t.Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("checkpoint: %s: tensor %s: %w", d.path, t.Name, err)
	}
	fault := func(format string, args ...any) error {
		return fmt.Errorf("checkpoint: %s: tensor %s: %w", d.path, t.Name, fmt.Errorf(format, args...))
	}
	nested := 0
	for _, there := range []bool{s.NestedBlock != nil, s.NestedDType != nil, s.NestedOffset != nil, d.where[weight+nestedAbsmaxEnding] != nil} {
		if there {
			nested++
		}
	}
	switch {
	case s.Type != kind:
		return s, fault("quant_type is %q, the tensor's name says %q", s.Type, kind)
	case s.scheme().Validate() != nil:
		return s, fault("%w", s.scheme().Validate())
	case nested != 0 && nested != 4:
		return s, fault("nested_blocksize, nested_dtype, nested_offset and tensor %s belong together", weight+nestedAbsmaxEnding)
	case nested == 0:
	case *s.NestedBlock != quant.DoubleBlock:
		return s, fault("nested_blocksize is %d; bitsandbytes computes with %d alone", *s.NestedBlock, quant.DoubleBlock)
	case *s.NestedDType != "float32":
		return s, fault("nested_dtype is %q, must be float32", *s.NestedDType)
	case float32(math.Abs(*s.NestedOffset)) > math.MaxFloat32:
		return s, fault("nested_offset is %v", *s.NestedOffset)
	}
	return s, nil
}

// readStored makes a weight of what is stored in 4 bits.
func (d *Dir) readStored(t Tensor) (Tensor, error) {
	s, err := d.readState(t.Name)
	if err != nil {
		return t, err
	}
	fault := func(format string, args ...any) (Tensor, error) {
		return t, fmt.Errorf("checkpoint: %s: tensor %s: %w", d.path, t.Name, fmt.Errorf(format, args...))
	}
	if len(t.Shape) != 2 || t.Shape[1] != 1 {
		return fault("its codes have shape %v, it should be one column", t.Shape)
	}
	values, err := d.floats(t.Name+mapEnding, 16)
	if err != nil {
		return t, err
	}
	for i, v := range s.Type.Values() {
		if values[i] != v {
			return fault("%s is not that of %s, which bitsandbytes computes with: value %d is %v, not %v", t.Name+mapEnding, s.Type, i, values[i], v)
		}
	}
	var absmax []float32
	if s.NestedOffset == nil {
		absmax, err = d.floats(t.Name+absmaxEnding, -1)
	} else {
		absmax, err = d.nested(t.Name, float32(*s.NestedOffset))
	}
	if err != nil {
		return t, err
	}
	m, err := quant.NewMatrix(s.scheme(), s.Shape, t.Data, absmax)
	if err != nil {
		return fault("%w", err)
	}
	return inBits(t.Name, m), nil
}

// nested returns magnitudes that are stored in 8 bits.
func (d *Dir) nested(weight string, offset float32) ([]float32, error) {
	codes, err := d.raw(weight + absmaxEnding)
	if err != nil {
		return nil, err
	}
	if codes.DType != "U8" {
		return nil, fmt.Errorf("checkpoint: %s: tensor %s has type %s; with nested quantization it should be U8", d.path, codes.Name, codes.DType)
	}
	values, err := d.floats(weight+nestedMapEnding, 256)
	if err != nil {
		return nil, err
	}
	n := len(codes.Data)
	most, err := d.floats(weight+nestedAbsmaxEnding, (n+quant.DoubleBlock-1)/quant.DoubleBlock)
	if err != nil {
		return nil, err
	}
	return quant.Double{Codes: codes.Data, Most: most, Offset: offset, Values: (*[256]float32)(values)}.Absmax(), nil
}

// floats returns the finite numbers of an F32 tensor, n of them where n isn't negative.
func (d *Dir) floats(name string, n int) ([]float32, error) {
	t, err := d.raw(name)
	if err != nil {
		return nil, err
	}
	if t.DType != F32 || n >= 0 && t.Len() != n {
		return nil, fmt.Errorf("checkpoint: %s: tensor %s is %s of shape %v, want %d numbers of F32", d.path, name, t.DType, t.Shape, n)
	}
	out := make([]float32, t.Len())
	t.Widen(out, 0)
	for i, x := range out {
		if !(math.Abs(float64(x)) <= math.MaxFloat32) {
			return nil, fmt.Errorf("checkpoint: %s: tensor %s: number %d is %v", d.path, name, i, x)
		}
	}
	return out, nil
}
