package quant_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// tensors reads a safetensors file: its metadata, and every tensor as its shape and bytes.
func tensors(t *testing.T, path string) (map[string]string, map[string]raw) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(file)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	var meta map[string]string
	all := map[string]raw{}
	for name, text := range header {
		if name == "__metadata__" {
			if err := json.Unmarshal(text, &meta); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var r raw
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		r.bytes = file[8+n:][r.Offsets[0]:r.Offsets[1]]
		all[name] = r
	}
	return meta, all
}

type raw struct {
	DType   string
	Shape   []int
	Offsets [2]int `json:"data_offsets"`
	bytes   []byte
}

// floats widens a tensor.
func (r raw) floats() []float32 {
	if r.DType == "F16" {
		out := make([]float32, len(r.bytes)/2)
		for i := range out {
			h := binary.LittleEndian.Uint16(r.bytes[2*i:])
			frac, exp := float64(h&1023), int(h>>10&31)
			v := math.Ldexp(1024+frac, exp-25)
			if exp == 0 {
				v = math.Ldexp(frac, -24)
			}
			if h>>15 == 1 {
				v = -v
			}
			out[i] = float32(v)
		}
		return out
	}
	if r.DType == "BF16" {
		out := make([]float32, len(r.bytes)/2)
		for i := range out {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(r.bytes[2*i:])) << 16)
		}
		return out
	}
	out := make([]float32, len(r.bytes)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.bytes[4*i:]))
	}
	return out
}

// bf16 rounds to bfloat16, to even.
func bf16(x float32) float32 {
	b := math.Float32bits(x)
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: number %d of %d is %v (%#x), want %v (%#x)", what, i, len(want), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

func of(x []float32) func([]float32, int) {
	return func(dst []float32, from int) { copy(dst, x[from:]) }
}

// ulps is how many float32s lie between two positive ones.
func ulps(a, b float32) int {
	d := int(math.Float32bits(a)) - int(math.Float32bits(b))
	return max(d, -d)
}

// Codes, magnitudes and dequantized values are those of bitsandbytes; with double quantization given its offset, and ours is within 2 ulp.
func TestGoldens(t *testing.T) {
	meta, all := tensors(t, tol.Golden(t, "nf4/nf4.safetensors"))
	compare(t, meta, all)
}

// TestPeer holds 120 random weights, of every type, block size and element type, and 40 lists of 8-bit codes against bitsandbytes' CPU backend.
func TestPeer(t *testing.T) {
	python := tol.Python(t)
	path := filepath.Join(t.TempDir(), "peer.safetensors")
	if out, err := exec.Command(python, filepath.Join("testdata", "peer.py"), path, "20241124").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	meta, all := tensors(t, path)
	compare(t, meta, all)
	var bytewise map[string]bool
	if err := json.Unmarshal([]byte(meta["bytewise"]), &bytewise); err != nil {
		t.Fatal(err)
	}
	for name, signed := range bytewise {
		m := quant.Unsigned()
		if signed {
			m = quant.Signed()
		}
		sameBits(t, name+": map", m.Values[:], all[name+".map"].floats())
		x := all[name+".x"].floats()
		codes, most, y := make([]byte, len(x)), make([]float32, len(all[name+".max"].floats())), make([]float32, len(x))
		m.Quantize(codes, most, x, 256)
		if !slices.Equal(codes, all[name+".q"].bytes) {
			t.Errorf("%s: other codes", name)
		}
		sameBits(t, name+": magnitudes", most, all[name+".max"].floats())
		m.Dequantize(y, codes, most, 256)
		sameBits(t, name+": dequantized", y, all[name+".y"].floats())
	}
}

// compare quantizes the weights of a file and holds the results against its.
func compare(t *testing.T, meta map[string]string, all map[string]raw) {
	t.Helper()
	var cases map[string]struct {
		BlockSize int
		Nested    bool
		QuantType quant.Type `json:"quant_type"`
		Offset    float32    `json:"nested_offset"`
	}
	if err := json.Unmarshal([]byte(meta["cases"]), &cases); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			weight, want := all[name+".weight"], all[name+".dequantized"]
			s := quant.Scheme{Type: c.QuantType, BlockSize: c.BlockSize}
			m, err := quant.Quantize(s, weight.Shape, of(weight.floats()))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(m.Codes, all[name+".codes"].bytes) {
				t.Error("other codes")
			}
			if c.Nested {
				if own := quant.Compress(m.Absmax); ulps(own.Offset, c.Offset) > 2 {
					t.Errorf("offset %v, want %v", own.Offset, c.Offset)
				}
				d := quant.CompressAt(m.Absmax, c.Offset)
				sameBits(t, "dynamic map", d.Values[:], all[name+".nested_code"].floats())
				if !slices.Equal(d.Codes, all[name+".absmax"].bytes) {
					t.Error("other codes of magnitudes")
				}
				sameBits(t, "magnitudes of magnitudes", d.Most, all[name+".nested_absmax"].floats())
				if m, err = quant.NewMatrix(s, m.Shape, m.Codes, d.Absmax()); err != nil {
					t.Fatal(err)
				}
			} else {
				sameBits(t, "magnitudes", m.Absmax, all[name+".absmax"].floats())
			}
			got := make([]float32, m.Len())
			m.Dequantize(got, 0)
			if want.DType == "BF16" {
				for i, x := range got {
					got[i] = bf16(x)
				}
			}
			values := want.floats()
			for i, x := range values { // of zeros, signs aside: one of the kernels keeps that of FP4's code 8
				values[i], got[i] = x+0, got[i]+0
			}
			sameBits(t, "dequantized", got, values)
		})
	}
}
