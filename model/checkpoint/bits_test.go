package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// A stored is a tensor for a file.
type stored struct {
	dtype string
	shape []int
	data  []byte
}

func floatBytes(x ...float32) []byte {
	var out []byte
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// inBits returns the tensors of models/llama with its linear layers as bitsandbytes stores them.
func inBits(t *testing.T, s quant.Scheme) map[string]stored {
	t.Helper()
	d, c := open(t, tol.Golden(t, "models/llama"))
	out := map[string]stored{}
	values := s.Type.Values()
	for _, spec := range c.Tensors() {
		w, err := d.Tensor(spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Kind != model.Linear {
			out[w.Name] = stored{"F32", w.Shape, w.Data}
			continue
		}
		plain := s
		plain.Nested = false
		m, err := quant.Quantize(plain, w.Shape, w.Widen)
		if err != nil {
			t.Fatal(err)
		}
		state := map[string]any{"quant_type": s.Type, "blocksize": s.BlockSize, "dtype": "bfloat16", "shape": w.Shape}
		out[w.Name] = stored{"U8", []int{len(m.Codes), 1}, m.Codes}
		out[w.Name+".absmax"] = stored{"F32", []int{len(m.Absmax)}, floatBytes(m.Absmax...)}
		out[w.Name+".quant_map"] = stored{"F32", []int{16}, floatBytes(values[:]...)}
		if s.Nested {
			d := quant.Compress(m.Absmax)
			state["nested_blocksize"], state["nested_dtype"], state["nested_offset"] = 256, "float32", d.Offset
			out[w.Name+".absmax"] = stored{"U8", []int{len(d.Codes)}, d.Codes}
			out[w.Name+".nested_absmax"] = stored{"F32", []int{len(d.Most)}, floatBytes(d.Most...)}
			out[w.Name+".nested_quant_map"] = stored{"F32", []int{256}, floatBytes(d.Values[:]...)}
		}
		text, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		out[w.Name+".quant_state.bitsandbytes__"+string(s.Type)] = stored{"U8", []int{len(text)}, text}
	}
	return out
}

// writeDir writes tensors and models/llama's config.json with a quantization_config, or none for "".
func writeDir(t *testing.T, tensors map[string]stored, quantization string) string {
	t.Helper()
	dir := t.TempDir()
	header, data := map[string]any{}, []byte{}
	for name, s := range tensors {
		header[name] = map[string]any{"dtype": s.dtype, "shape": s.shape, "data_offsets": []int{len(data), len(data) + len(s.data)}}
		data = append(data, s.data...)
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "model.safetensors"), append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), data...))
	config, err := os.ReadFile(filepath.Join(tol.Golden(t, "models/llama"), "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if quantization != "" {
		config = []byte(strings.Replace(string(config), "{", `{"quantization_config":`+quantization+",", 1))
	}
	write(t, filepath.Join(dir, "config.json"), config)
	return dir
}

const loadIn4Bit = `{"quant_method":"bitsandbytes","load_in_4bit":true,"bnb_4bit_quant_type":"nf4"}`

// What is stored in 4 bits and what is made on loading are the same weights, by digest, and another reference than the weights they come from.
func TestStoredAndMadeAgree(t *testing.T) {
	for _, s := range []quant.Scheme{
		{Type: quant.NF4, BlockSize: 64}, {Type: quant.NF4, BlockSize: 64, Nested: true}, {Type: quant.FP4, BlockSize: 128},
	} {
		made, c := open(t, tol.Golden(t, "models/llama"))
		whole, err := made.Fingerprint(c, "n")
		if err != nil {
			t.Fatal(err)
		}
		if err := made.Quantize(c, s); err != nil {
			t.Fatal(err)
		}
		stored, c2 := open(t, writeDir(t, inBits(t, s), loadIn4Bit))
		if err := stored.Validate(c2); err != nil {
			t.Fatal(err)
		}
		a, err := made.Fingerprint(c, "n")
		if err != nil {
			t.Fatal(err)
		}
		b, err := stored.Fingerprint(c2, "n")
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if a[i].Digest != b[i].Digest {
				t.Errorf("%s: %s is %s where it is made, %s where it is stored", s, a[i].Name, a[i].Digest, b[i].Digest)
			}
			if differs := a[i].Name == "weights" || a[i].Name == "quantization"; differs != (a[i].Digest != whole[i].Digest) {
				t.Errorf("%s: %s is %s, without it %s", s, a[i].Name, a[i].Digest, whole[i].Digest)
			}
		}
		if err := stored.Quantize(c2, s); err == nil || !strings.Contains(err.Error(), "leave out load_in_4bit") {
			t.Errorf("quantizing what is stored in 4 bits gives %v", err)
		}
	}
}

// A file that lies about its 4-bit weights is refused before any work, and so is a config.json that doesn't fit it.
func TestLyingFourBits(t *testing.T) {
	const w = "model.layers.0.self_attn.q_proj.weight"
	const state = w + ".quant_state.bitsandbytes__nf4"
	text := func(s string) func(map[string]stored) {
		return func(m map[string]stored) { m[state] = stored{"U8", []int{len(s)}, []byte(s)} }
	}
	nested := `{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[48,48],"nested_blocksize":%B,"nested_dtype":"%D","nested_offset":%O}`
	with := func(b, d, o string) func(map[string]stored) {
		return text(strings.NewReplacer("%B", b, "%D", d, "%O", o).Replace(nested))
	}
	number := func(name string, i int, x float32) func(map[string]stored) {
		return func(m map[string]stored) {
			s := m[name]
			s.data = slices.Clone(s.data)
			copy(s.data[4*i:], floatBytes(x))
			m[name] = s
		}
	}
	nan := float32(math.NaN())
	tests := []struct {
		name   string
		nested bool
		change func(map[string]stored)
		want   string
	}{
		{"bad JSON", false, text(`{"quant_type":`), "quant_state"},
		{"not an object", false, text(`[]`), "quant_state"},
		{"unknown key", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[48,48],"surprise":1}`), "surprise"},
		{"block size 0", false, text(`{"quant_type":"nf4","blocksize":0,"dtype":"float32","shape":[48,48]}`), "block size 0"},
		{"block size 48", false, text(`{"quant_type":"nf4","blocksize":48,"dtype":"float32","shape":[48,48]}`), "block size 48"},
		{"other type", false, text(`{"quant_type":"fp4","blocksize":64,"dtype":"float32","shape":[48,48]}`), `quant_type is "fp4"`},
		{"other shape", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[24,96]}`), "has shape [24 96]"},
		{"larger shape", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[48,480]}`), "bytes of codes"},
		{"huge shape", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[4294967296,4294967296]}`), "shape"},
		{"negative shape", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[-48,-48]}`), "shape [-48 -48]"},
		{"no shape", false, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":null}`), "shape"},
		{"state of floats", false, func(m map[string]stored) { m[state] = m[w+".absmax"] }, "should be text"},
		{"state missing", false, func(m map[string]stored) { delete(m, state) }, "no part of"},
		{"magnitudes missing", false, func(m map[string]stored) { delete(m, w+".absmax") }, "no tensor " + w + ".absmax"},
		{"a magnitude missing", false, func(m map[string]stored) { s := m[w+".absmax"]; m[w+".absmax"] = stored{"F32", []int{35}, s.data[4:]} }, "35 magnitudes"},
		{"NaN magnitude", false, number(w+".absmax", 3, nan), "number 3 is NaN"},
		{"infinite magnitude", false, number(w+".absmax", 3, float32(math.Inf(1))), "number 3 is +Inf"},
		{"map missing", false, func(m map[string]stored) { delete(m, w+".quant_map") }, "no tensor " + w + ".quant_map"},
		{"another map", false, number(w+".quant_map", 5, 0.1), "value 5 is 0.1"},
		{"codes as a row", false, func(m map[string]stored) { s := m[w]; s.shape = []int{1, len(s.data)}; m[w] = s }, "one column"},
		{"codes cut", false, func(m map[string]stored) { s := m[w]; m[w] = stored{"U8", []int{len(s.data) - 1, 1}, s.data[1:]} }, "1151 bytes of codes"},
		{"an embedding in 4 bits", false, func(m map[string]stored) {
			m["model.embed_tokens.weight.quant_state.bitsandbytes__nf4"] = m[state]
		}, "linear layers alone"},
		{"nested, plain magnitudes", false, with("256", "float32", "0"), "belong together"},
		{"plain, nested magnitudes", true, text(`{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[48,48]}`), "belong together"},
		{"nested block 64", true, with("64", "float32", "0"), "nested_blocksize is 64"},
		{"nested block 0", true, with("0", "float32", "0"), "nested_blocksize is 0"},
		{"nested of float16", true, with("256", "float16", "0"), "nested_dtype"},
		{"huge offset", true, with("256", "float32", "1e300"), "nested_offset"},
		{"offset that is NaN", true, with("256", "float32", "NaN"), "quant_state"},
		{"nested map short", true, func(m map[string]stored) {
			s := m[w+".nested_quant_map"]
			m[w+".nested_quant_map"] = stored{"F32", []int{255}, s.data[4:]}
		}, "want 256 numbers"},
		{"nested map NaN", true, number(w+".nested_quant_map", 7, nan), "number 7 is NaN"},
		{"nested magnitude NaN", true, number(w+".nested_absmax", 0, nan), "number 0 is NaN"},
		{"sums to infinity", true, number(w+".nested_absmax", 0, math.MaxFloat32), ""},
		{"honest", false, func(map[string]stored) {}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tensors := inBits(t, quant.Scheme{Type: quant.NF4, BlockSize: 64, Nested: test.nested})
			test.change(tensors)
			d, c := open(t, writeDir(t, tensors, loadIn4Bit))
			err := d.Validate(c)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, ferr := d.Fingerprint(c, "n"); err == nil && ferr != nil {
				t.Errorf("valid, and its fingerprint gives %v", ferr)
			}
		})
	}
	honest := inBits(t, quant.Scheme{Type: quant.NF4, BlockSize: 64})
	d, c := open(t, writeDir(t, honest, ""))
	if err := d.Validate(c); err == nil || !strings.Contains(err.Error(), "no quantization_config") {
		t.Errorf("4 bits without a word in config.json: %v", err)
	}
	d, err := checkpoint.Open(tol.Golden(t, "models/llama"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c.Quantized = true
	if err := d.Validate(c); err == nil || !strings.Contains(err.Error(), "no weight is stored in 4 bits") {
		t.Errorf("a word in config.json and no 4 bits: %v", err)
	}
}

// A weight that is no number has no code.
func TestQuantizeRefusesNaN(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama"))
	tensors := widened(t, d, c)
	for i := range tensors {
		if tensors[i].Name == "model.layers.1.mlp.up_proj.weight" {
			tensors[i].Data[1234] = float32(math.NaN())
		}
	}
	dir := t.TempDir()
	if err := checkpoint.Save(dir, d, tensors); err != nil {
		t.Fatal(err)
	}
	bad, c := open(t, dir)
	if err := bad.Quantize(c, quant.Scheme{Type: quant.NF4, BlockSize: 64}); err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Fingerprint(c, "n"); err == nil || !strings.Contains(err.Error(), "model.layers.1.mlp.up_proj.weight can't be held in 4 bits: from element 0 on: element 1234 is NaN") {
		t.Errorf("got %v", err)
	}
	if err := bad.Quantize(c, quant.Scheme{Type: "int4", BlockSize: 64}); err == nil {
		t.Error("a type that there is not is taken")
	}
}
