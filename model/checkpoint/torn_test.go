package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/family"
)

const (
	oneFile  = "model.safetensors"
	first    = "model-00001-of-00002.safetensors"
	second   = "model-00002-of-00002.safetensors"
	index    = "model.safetensors.index.json"
	tinyText = `{"model_type":"llama","vocab_size":5,"hidden_size":4,"intermediate_size":6,"num_hidden_layers":1,"num_attention_heads":2,"tie_word_embeddings":true}`
)

// tiny writes a model of some hundred numbers, in one file or in two shards, and returns its directory and configuration.
func tiny(t *testing.T, sharded bool) (string, *model.Config) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.json"), []byte(tinyText))
	c, err := family.Parse([]byte(tinyText))
	if err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Named
	for _, spec := range c.Tensors() {
		n := 1
		for _, d := range spec.Shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(len(tensors)) + float32(i)/64
		}
		tensors = append(tensors, checkpoint.Named{Name: spec.Name, Shape: spec.Shape, Data: data})
	}
	files := map[string][]checkpoint.Named{oneFile: tensors}
	if sharded {
		files = map[string][]checkpoint.Named{first: tensors[:4], second: tensors[4:]}
		weightMap := map[string]string{}
		for name, part := range files {
			for _, n := range part {
				weightMap[n.Name] = name
			}
		}
		text, err := json.Marshal(map[string]any{"weight_map": weightMap})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, index), text)
	}
	for name, part := range files {
		if err := checkpoint.WriteTensors(filepath.Join(dir, name), part); err != nil {
			t.Fatal(err)
		}
	}
	return dir, c
}

// values are all numbers of a directory that opens and validates, in the order of the configuration.
func values(dir string, c *model.Config) ([]float32, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if err := d.Validate(c); err != nil {
		return nil, err
	}
	var out []float32
	for _, spec := range c.Tensors() {
		tensor, err := d.Tensor(spec.Name)
		if err != nil {
			return nil, err
		}
		data := make([]float32, tensor.Len())
		tensor.Widen(data, 0)
		out = append(out, data...)
	}
	return out, nil
}

// damaged are the files of a model, each with the whole of its bytes.
func damaged(t *testing.T, each func(t *testing.T, dir, name string, whole []byte, c *model.Config)) {
	for name, sharded := range map[string]bool{oneFile: false, first: true, second: true, index: true} {
		t.Run(name, func(t *testing.T) {
			dir, c := tiny(t, sharded)
			whole, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			each(t, dir, name, whole, c)
		})
	}
}

// TestEveryCut: a file cut short anywhere, as a full disk or a broken download leaves it, does not open.
func TestEveryCut(t *testing.T) {
	damaged(t, func(t *testing.T, dir, name string, whole []byte, c *model.Config) {
		for n := len(whole) - 1; n >= 0; n-- {
			if err := os.Truncate(filepath.Join(dir, name), int64(n)); err != nil {
				t.Fatal(err)
			}
			d, err := checkpoint.Open(dir)
			if err == nil {
				d.Close()
			}
			if err == nil || name != index && !errors.Is(err, checkpoint.ErrCorrupt) {
				t.Fatalf("cut to %d of %d bytes: %v", n, len(whole), err)
			}
		}
	})
}

// TestEveryFlippedBit: a header with one bit changed is refused before anything is computed, unless it still says the same: a letter of
// its white space, or of a key whose capitals don't matter.
func TestEveryFlippedBit(t *testing.T) {
	damaged(t, func(t *testing.T, dir, name string, whole []byte, c *model.Config) {
		path := filepath.Join(dir, name)
		want, err := values(dir, c)
		if err != nil {
			t.Fatal(err)
		}
		end := len(whole)
		if name != index {
			end = 8 + int(binary.LittleEndian.Uint64(whole))
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		put := func(at int, b byte) {
			if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		refused, step := 0, 1
		if testing.Short() {
			step = 11 // shares no factor with 8, so that every place in a byte has its turn
		}
		for i := 0; i < 8*end; i += step {
			flipped := whole[i/8] ^ 1<<(i%8)
			put(i/8, flipped)
			got, err := values(dir, c)
			put(i/8, whole[i/8])
			if err != nil {
				refused++
			} else if !slices.Equal(got, want) {
				t.Fatalf("bit %d of byte %d (%q became %q): other values, and no error", i%8, i/8, whole[i/8], flipped)
			}
		}
		if tried := (8*end + step - 1) / step; 8*refused < 7*tried {
			t.Errorf("%d of %d flips refused", refused, tried)
		}
	})
}

// TestSwappedShards: shards that each are whole but stand in each other's place are told by their tensors.
func TestSwappedShards(t *testing.T) {
	dir, c := tiny(t, true)
	swap := func(a, b string) {
		if err := os.Rename(filepath.Join(dir, a), filepath.Join(dir, b)); err != nil {
			t.Fatal(err)
		}
	}
	swap(first, "other")
	swap(second, first)
	swap("other", second)
	if _, err := values(dir, c); err == nil {
		t.Error("no error")
	}
}
