package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// names are where tensors stand in random models.
var names = model.Names{
	Embed: "embed", FinalNorm: "norm", Head: "head", AttnNorm: "*.attn_norm", MLPNorm: "*.mlp_norm",
	Q: "*.q", K: "*.k", V: "*.v", O: "*.o", Gate: "*.gate", Up: "*.up", Down: "*.down",
}

// A small is a random model with sizes that no tile or lane divides.
type small struct {
	name string
	cfg  model.Config
	// blocks: keys and queries of attention, rows and vocabulary of the head; 0 is the engine's own size
	keys, queries, headRows, headVocab int
}

var smalls = []small{
	{name: "as many key heads, default blocks", cfg: model.Config{Vocab: 37, Hidden: 20, Layers: 2, Heads: 4, KVHeads: 4, HeadDim: 6, Intermediate: 28}},
	{name: "shared keys, tied, attention bias, linear rope", keys: 4, queries: 3, headRows: 7, headVocab: 11,
		cfg: model.Config{Vocab: 41, Hidden: 24, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 10, Intermediate: 33, Tied: true, AttentionBias: true,
			Rope: model.Rope{Type: "linear", Factor: 2.5}}},
	{name: "one key head, odd width, all biases", keys: 5, queries: 8, headRows: 16, headVocab: 16,
		cfg: model.Config{Vocab: 53, Hidden: 23, Layers: 2, Heads: 5, KVHeads: 1, HeadDim: 8, Intermediate: 31, AttentionBias: true, MLPBias: true}},
	{name: "one layer, one head, blocks of one", keys: 1, queries: 1, headRows: 1, headVocab: 1,
		cfg: model.Config{Vocab: 7, Hidden: 5, Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 2, Intermediate: 3}},
}

// model fills in what all small models share.
func (s small) model() *model.Config {
	c := s.cfg
	c.Names, c.NormEps, c.MaxPositions, c.Rope.Theta = namesOf(&c), 1e-5, 256, 1000
	if c.Rope.Type == "" {
		c.Rope.Type = "default"
	}
	return &c
}

// resize sets the blocks.
func (s small) resize(e *Engine) *Engine {
	if s.keys > 0 {
		e.attn.KeyBlock, e.attn.QueryBlock = s.keys, s.queries
	}
	if s.headRows > 0 {
		e.headRows, e.headVocab = s.headRows, s.headVocab
	}
	return e
}

// randomWeights returns the tensors of a model, rounded to bfloat16 and without tiny numbers, so that every stored type holds them exactly.
func randomWeights(c *model.Config, seed uint64) map[string][]float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := map[string][]float32{}
	for _, spec := range c.Tensors() {
		rows, cols := matrixShape(spec.Shape)
		w := make([]float32, rows*cols)
		for i := range w {
			x := float32(r.NormFloat64()) * 0.4
			if strings.Contains(spec.Name, "norm") {
				x = 1 + x/2
			}
			if x > -0x1p-14 && x < 0x1p-14 {
				x = 0
			}
			w[i] = math.Float32frombits(math.Float32bits(x) &^ 0xffff)
		}
		out[spec.Name] = w
	}
	return out
}

// stored is a source of weights in a type.
func stored(c *model.Config, w map[string][]float32, as checkpoint.DType) source {
	shapes := map[string][]int{}
	for _, spec := range c.Tensors() {
		shapes[spec.Name] = spec.Shape
	}
	return func(name string) (checkpoint.Tensor, error) {
		t := checkpoint.Tensor{Name: name, DType: as, Shape: shapes[name]}
		for _, x := range w[name] {
			bits := math.Float32bits(x)
			switch as {
			case checkpoint.F32:
				t.Data = binary.LittleEndian.AppendUint32(t.Data, bits)
			case checkpoint.BF16:
				t.Data = binary.LittleEndian.AppendUint16(t.Data, uint16(bits>>16))
			case checkpoint.F16:
				half := uint16(bits >> 31 << 15)
				if x != 0 { // the exponent's bias is 15 instead of 127
					half |= uint16(bits&0x7fffffff>>13 - 112<<10)
				}
				t.Data = binary.LittleEndian.AppendUint16(t.Data, half)
			}
		}
		return t, nil
	}
}

// scorer and trainable return engines on weights.
func (s small) scorer(t testing.TB, w map[string][]float32, as checkpoint.DType, o Options) *Engine {
	t.Helper()
	held, err := loadFrozen(s.model(), stored(s.model(), w, as))
	if err != nil {
		t.Fatal(err)
	}
	e := s.resize(newEngine(s.model(), held, nil, o))
	t.Cleanup(func() { e.Close() })
	return e
}

func (s small) trainable(t testing.TB, w map[string][]float32, o Options) *Engine {
	t.Helper()
	held, params, err := loadTrainable(s.model(), stored(s.model(), w, checkpoint.F32))
	if err != nil {
		t.Fatal(err)
	}
	e := s.resize(newEngine(s.model(), held, params, o))
	t.Cleanup(func() { e.Close() })
	return e
}

// A sample is a prompt and its completions.
type sample struct {
	prompt      []int32
	completions [][]int32
}

// samples have prompts and completions that end before, at and after the ends of blocks, and 1, 2, 3 and 4 completions.
func samples(vocab int, seed uint64) []sample {
	r := rand.New(rand.NewPCG(seed, 2))
	ids := func(n int) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = int32(r.IntN(vocab))
		}
		return out
	}
	return []sample{
		{ids(1), [][]int32{ids(1)}},
		{ids(4), [][]int32{ids(5), ids(1)}},
		{ids(9), [][]int32{ids(3), ids(4), ids(8)}},
		{ids(5), [][]int32{ids(2), ids(13), ids(1), ids(5)}},
		{ids(70), [][]int32{ids(3), ids(66)}},
	}
}

func batchOf(samples ...sample) (b model.Batch) {
	for _, s := range samples {
		b.Add(s.prompt, s.completions...)
	}
	return b
}

// A reference is the model once more, in float64 and in the plainest loops, one sequence at a time.
type reference struct {
	c *model.Config
	w map[string][]float64
}

func newReference(c *model.Config, w map[string][]float32) reference {
	wide := map[string][]float64{}
	for name, x := range w {
		for _, v := range x {
			wide[name] = append(wide[name], float64(v))
		}
	}
	return reference{c, wide}
}

// linear returns W·x + b.
func (m reference) linear(name string, x []float64) []float64 {
	w := m.w[name+".weight"]
	y := make([]float64, len(w)/len(x))
	for i := range y {
		for j, v := range x {
			y[i] += w[i*len(x)+j] * v
		}
		if b := m.w[name+".bias"]; b != nil {
			y[i] += b[i]
		}
	}
	return y
}

func (m reference) norm(name string, x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(sum/float64(len(x))+m.c.NormEps) * m.w[name+".weight"][i]
	}
	return y
}

func (m reference) rotate(x []float64, pos int) {
	d := m.c.HeadDim
	for h := 0; h < len(x); h += d {
		for i := range d / 2 {
			angle := float64(pos) * math.Pow(m.c.Rope.Theta, -2*float64(i)/float64(d))
			if m.c.Rope.Type == "linear" {
				angle /= m.c.Rope.Factor
			}
			a, b := x[h+i], x[h+i+d/2]
			x[h+i] = a*math.Cos(angle) - b*math.Sin(angle)
			x[h+i+d/2] = b*math.Cos(angle) + a*math.Sin(angle)
		}
	}
}

// logits returns what every position of a sequence predicts.
func (m reference) logits(seq []int32) [][]float64 {
	c := m.c
	var x [][]float64
	for _, id := range seq {
		x = append(x, append([]float64(nil), m.w["embed.weight"][int(id)*c.Hidden:][:c.Hidden]...))
	}
	for l := range c.Layers {
		at := func(name string) string { return model.Layer(name, l) }
		var q, k, v [][]float64
		for pos := range x {
			n := m.norm(at(names.AttnNorm), x[pos])
			q = append(q, m.linear(at(names.Q), n))
			k = append(k, m.linear(at(names.K), n))
			v = append(v, m.linear(at(names.V), n))
			m.rotate(q[pos], pos)
			m.rotate(k[pos], pos)
		}
		for pos := range x {
			y := m.linear(at(names.O), m.attend(q[pos], k[:pos+1], v))
			for i := range y {
				x[pos][i] += y[i]
			}
			n := m.norm(at(names.MLPNorm), x[pos])
			g, u := m.linear(at(names.Gate), n), m.linear(at(names.Up), n)
			for i := range g {
				g[i] = g[i] / (1 + math.Exp(-g[i])) * u[i]
			}
			for i, y := range m.linear(at(names.Down), g) {
				x[pos][i] += y
			}
		}
	}
	head := names.Head
	if c.Tied {
		head = names.Embed
	}
	var out [][]float64
	for pos := range x {
		out = append(out, m.linear(head, m.norm(names.FinalNorm, x[pos])))
	}
	return out
}

func (m reference) attend(q []float64, k, v [][]float64) []float64 {
	d := m.c.HeadDim
	out := make([]float64, len(q))
	for h := range m.c.Heads {
		g := h / (m.c.Heads / m.c.KVHeads) * d
		sum := 0.0
		var p []float64
		for j := range k {
			s := 0.0
			for i := range d {
				s += q[h*d+i] * k[j][g+i]
			}
			p = append(p, math.Exp(s/math.Sqrt(float64(d))))
			sum += p[j]
		}
		for j := range k {
			for i := range d {
				out[h*d+i] += p[j] / sum * v[j][g+i]
			}
		}
	}
	return out
}

// A prediction is what the reference says of a scored token.
type prediction struct {
	logp, entropy, logSumP2, meanLogit float64
	rank1                              bool
}

// predict returns the predictions of a sample's completions, in the batch's order.
func (m reference) predict(s sample) (out []prediction) {
	for _, completion := range s.completions {
		logits := m.logits(append(append([]int32(nil), s.prompt...), completion...))
		for i, id := range completion {
			x := logits[len(s.prompt)+i-1]
			sum, p := 0.0, prediction{rank1: true}
			for v, logit := range x {
				sum += math.Exp(logit)
				p.meanLogit += logit / float64(len(x))
				if logit > x[id] || logit == x[id] && v < int(id) {
					p.rank1 = false
				}
			}
			p2 := 0.0
			for _, logit := range x {
				q := math.Exp(logit) / sum
				p.entropy -= q * math.Log(q)
				p2 += q * q
			}
			p.logp, p.logSumP2 = x[id]-math.Log(sum), math.Log(p2)
			out = append(out, p)
		}
	}
	return out
}
