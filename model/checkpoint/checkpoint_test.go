package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

func open(t *testing.T, dir string) (*checkpoint.Dir, *model.Config) {
	t.Helper()
	d, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	return d, c
}

// widened returns every tensor of the configuration as float32.
func widened(t *testing.T, d *checkpoint.Dir, c *model.Config) []checkpoint.Named {
	t.Helper()
	var out []checkpoint.Named
	for _, spec := range c.Tensors() {
		tensor, err := d.Tensor(spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float32, tensor.Len())
		tensor.Widen(data, 0)
		out = append(out, checkpoint.Named{Name: spec.Name, Shape: spec.Shape, Data: data})
	}
	return out
}

func TestSavedDirectoryReadsBack(t *testing.T) {
	for _, name := range []string{"models/llama", "models/llama3_scaled_tied"} {
		t.Run(name, func(t *testing.T) {
			d, c := open(t, tol.Golden(t, name))
			if err := d.Validate(c); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "saved")
			if err := checkpoint.Save(dir, d, widened(t, d, c)); err != nil {
				t.Fatal(err)
			}
			saved, c2 := open(t, dir)
			if err := saved.Validate(c2); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, c2); diff != "" {
				t.Errorf("configuration changed:\n%s", diff)
			}
			was, _ := d.WeightsDigest(c)
			is, err := saved.WeightsDigest(c2)
			if err != nil || was != is {
				t.Errorf("weights digest %s, want %s (%v)", is, was, err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// A bfloat16 checkpoint is saved as float32, says so, and keeps its digest, since widening is exact.
func TestSaveSaysTheTrueDType(t *testing.T) {
	d, c := open(t, filepath.Join(tol.Root(t), "testdata", "demo", "model"))
	dir := t.TempDir()
	if err := checkpoint.Save(dir, d, widened(t, d, c)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if config["dtype"] != "float32" {
		t.Errorf("dtype is %v, want float32", config["dtype"])
	}
	saved, c2 := open(t, dir)
	was, _ := d.WeightsDigest(c)
	if is, _ := saved.WeightsDigest(c2); is != was {
		t.Errorf("weights digest %s, want %s", is, was)
	}
	was, _ = checkpoint.TokenizerDigest(d.Path())
	if is, err := checkpoint.TokenizerDigest(dir); is != was || err != nil {
		t.Errorf("tokenizer digest %s, want %s (%v)", is, was, err)
	}
	if _, err := checkpoint.ChatTemplates(dir); err != nil {
		t.Error(err)
	}
}

// shard writes a directory's tensors as two files with an index.
func shard(t *testing.T, from *checkpoint.Dir, c *model.Config) string {
	t.Helper()
	dir := t.TempDir()
	tensors := widened(t, from, c)
	half := len(tensors) / 2
	weightMap := map[string]string{}
	for name, part := range map[string][]checkpoint.Named{"model-00001-of-00002.safetensors": tensors[:half], "model-00002-of-00002.safetensors": tensors[half:]} {
		if err := checkpoint.WriteTensors(filepath.Join(dir, name), part); err != nil {
			t.Fatal(err)
		}
		for _, n := range part {
			weightMap[n.Name] = name
		}
	}
	index, _ := json.Marshal(map[string]any{"weight_map": weightMap})
	write(t, filepath.Join(dir, "model.safetensors.index.json"), index)
	config, err := os.ReadFile(filepath.Join(from.Path(), "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "config.json"), config)
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestShards(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama"))
	dir := shard(t, d, c)
	sharded, c2 := open(t, dir)
	if err := sharded.Validate(c2); err != nil {
		t.Fatal(err)
	}
	was, _ := d.WeightsDigest(c)
	if is, err := sharded.WeightsDigest(c2); is != was || err != nil {
		t.Errorf("resharding changed the weights digest: %s, want %s (%v)", is, was, err)
	}
	if err := os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Open(dir); err == nil || !strings.Contains(err.Error(), "model-00002-of-00002") {
		t.Errorf("a missing shard gives %v, want its name", err)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama"))
	tests := []struct {
		name   string
		change func([]checkpoint.Named) []checkpoint.Named
		want   string
	}{
		{"missing", func(n []checkpoint.Named) []checkpoint.Named { return n[1:] }, "no tensor model.embed_tokens.weight"},
		{"unknown", func(n []checkpoint.Named) []checkpoint.Named {
			return append(n, checkpoint.Named{Name: "model.layers.0.self_attn.q_norm.weight", Shape: []int{1}, Data: []float32{1}})
		}, "q_norm.weight is no part"},
		{"shape", func(n []checkpoint.Named) []checkpoint.Named {
			n[0].Shape = []int{n[0].Shape[1], n[0].Shape[0]}
			return n
		}, "has shape [48 131]"},
		{"old rotary buffers", func(n []checkpoint.Named) []checkpoint.Named {
			return append(n, checkpoint.Named{Name: "model.layers.0.self_attn.rotary_emb.inv_freq", Shape: []int{1}, Data: []float32{1}})
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := checkpoint.Save(dir, d, test.change(widened(t, d, c))); err != nil {
				t.Fatal(err)
			}
			changed, c2 := open(t, dir)
			err := changed.Validate(c2)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A stored head beside tied embeddings must be the embeddings: transformers would compute with one of the two.
func TestTiedHead(t *testing.T) {
	d, c := open(t, tol.Golden(t, "models/llama3_scaled_tied"))
	tensors := widened(t, d, c)
	head := checkpoint.Named{Name: "lm_head.weight", Shape: tensors[0].Shape, Data: append([]float32{}, tensors[0].Data...)}
	was, _ := d.WeightsDigest(c)
	for _, same := range []string{"same", "other"} {
		dir := t.TempDir()
		if err := checkpoint.Save(dir, d, append(tensors, head)); err != nil {
			t.Fatal(err)
		}
		both, c2 := open(t, dir)
		err := both.Validate(c2)
		if is, _ := both.WeightsDigest(c2); is != was {
			t.Errorf("%s: a stored tied head changed the digest", same)
		}
		if (err == nil) != (same == "same") {
			t.Errorf("%s: Validate gives %v", same, err)
		}
		head.Data[5]++
	}
}

func TestTornFiles(t *testing.T) {
	path := filepath.Join(tol.Golden(t, "models/llama"), "model.safetensors")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := binary.LittleEndian.Uint64(whole)
	relength := func(n uint64) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, n), whole[8:]...)
	}
	reheader := func(old, new string) []byte {
		h := strings.Replace(string(whole[8:8+size]), old, new, 1)
		return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), whole[8+size:]...)
	}
	tests := []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"seven bytes", whole[:7]},
		{"header cut", whole[:8+size/2]},
		{"data cut by a byte", whole[:len(whole)-1]},
		{"data cut in the middle", whole[:len(whole)/2]},
		{"bytes behind", append(append([]byte{}, whole...), 0)},
		{"header length huge", relength(math.MaxUint64)},
		{"header length past the end", relength(uint64(len(whole)))},
		{"not JSON", append(append([]byte{}, whole[:8]...), make([]byte, len(whole)-8)...)},
		{"unknown dtype", reheader(`"F32"`, `"F33"`)},
		{"another dtype", reheader(`"F32"`, `"F16"`)},
		{"shape lies", reheader(`"shape":[131,48]`, `"shape":[131,49]`)},
		{"shape overflows", reheader(`"shape":[131,48]`, `"shape":[4294967296,4294967296,4294967296]`)},
		{"shape negative", reheader(`"shape":[131,48]`, `"shape":[-131,-48]`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.safetensors")
			write(t, path, test.data)
			f, err := checkpoint.OpenFile(path)
			if err == nil {
				f.Close()
			}
			if !errors.Is(err, checkpoint.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want ErrCorrupt with the file's path", err)
			}
		})
	}
}

func FuzzOpenFile(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	header := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	f.Add(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), 0, 0, 128, 63))
	path := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, data []byte) {
		write(t, path, data)
		var file *checkpoint.File
		tol.AllocatesAtMost(t, 1<<16+300*int64(len(data)), func() {
			if file != nil {
				file.Close()
			}
			file, _ = checkpoint.OpenFile(path)
		})
		if file == nil {
			return
		}
		defer file.Close()
		total := 0
		for _, tensor := range file.Tensors() {
			total += len(tensor.Data)
			if tensor.DType == checkpoint.F32 {
				tensor.Widen(make([]float32, tensor.Len()), 0)
			}
		}
		if total > len(data) {
			t.Errorf("tensors hold %d bytes of a file of %d", total, len(data))
		}
	})
}

// Every float16 widens to the number it stands for: sign · 2^(e-15) · 1.frac, subnormals sign · 2^-14 · 0.frac.
func TestHalfWidensExactly(t *testing.T) {
	raw := make([]byte, 2<<16)
	for h := range 1 << 16 {
		binary.LittleEndian.PutUint16(raw[2*h:], uint16(h))
	}
	got := make([]float32, 1<<16)
	checkpoint.Tensor{DType: checkpoint.F16, Shape: []int{1 << 16}, Data: raw}.Widen(got, 0)
	for h, v := range got {
		e, frac := h>>10&31, float64(h&1023)
		want := math.Ldexp(1+frac/1024, e-15)
		switch {
		case e == 0:
			want = math.Ldexp(frac/1024, -14)
		case e == 31 && frac == 0:
			want = math.Inf(1)
		case e == 31:
			want = math.NaN()
		}
		if h>>15 == 1 {
			want = -want
		}
		if float64(v) != want && !(math.IsNaN(want) && v != v) {
			t.Fatalf("half %#04x widens to %v, want %v", h, v, want)
		}
		if want == 0 && math.Signbit(float64(v)) != (h>>15 == 1) {
			t.Fatalf("half %#04x lost the sign of its zero", h)
		}
	}
}

// The digest follows what changes ids, not how the file is laid out.
func TestTokenizerDigest(t *testing.T) {
	digest := func(tokenizer, config string) string {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "tokenizer.json"), []byte(tokenizer))
		write(t, filepath.Join(dir, "tokenizer_config.json"), []byte(config))
		d, err := checkpoint.TokenizerDigest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digest(`{"model":{"vocab":{"a":0}},"added_tokens":[]}`, `{"eos_token":"</s>","model_max_length":1}`)
	same := digest("{\n \"added_tokens\": [],\n \"model\": {\"vocab\": {\"a\": 0}}}", `{"eos_token":{"content":"</s>","lstrip":false},"model_max_length":2}`)
	if base != same {
		t.Error("a change of layout changed the digest")
	}
	for name, other := range map[string]string{
		"vocabulary":    digest(`{"model":{"vocab":{"a":1}},"added_tokens":[]}`, `{"eos_token":"</s>"}`),
		"end of string": digest(`{"model":{"vocab":{"a":0}},"added_tokens":[]}`, `{"eos_token":"<|end|>"}`),
	} {
		if other == base {
			t.Errorf("another %s did not change the digest", name)
		}
	}
	for file, text := range map[string]string{
		"config.json": `{"model_type":"gemma"}`, "added_tokens.json": `{"<x>":5}`, "special_tokens_map.json": `{"unk_token":"<u>"}`,
		"tokenizer_config.json": `{"eos_token":"</s>","tokenizer_class":"LlamaTokenizer","legacy":false}`,
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "tokenizer.json"), []byte(`{"model":{"vocab":{"a":0}},"added_tokens":[]}`))
		write(t, filepath.Join(dir, "tokenizer_config.json"), []byte(`{"eos_token":"</s>"}`))
		write(t, filepath.Join(dir, file), []byte(text))
		if d, err := checkpoint.TokenizerDigest(dir); d == base || err != nil {
			t.Errorf("%s did not change the digest (%v)", file, err)
		}
	}
	if d, err := checkpoint.TokenizerDigest(t.TempDir()); d != "none" || err != nil {
		t.Errorf("without a tokenizer: %q, %v, want none", d, err)
	}
}
