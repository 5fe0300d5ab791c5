package cpu

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// Checkpoints that transformers and bitsandbytes saved in 4 bits compute what they compute there; and weights quantized on loading are
// the numbers that those hold, by their digest.
func TestStoredFourBits(t *testing.T) {
	python := tol.Python(t)
	type job struct {
		Model  string       `json:"model"`
		Out    string       `json:"out"`
		Type   quant.Type   `json:"type"`
		Nested bool         `json:"nested"`
		DType  string       `json:"dtype"`
		Pairs  []goldenPair `json:"pairs"`
	}
	var jobs []job
	for _, j := range []job{
		{"llama", "", quant.NF4, false, "float32", nil},
		{"llama", "", quant.NF4, true, "float32", nil},
		{"llama", "", quant.FP4, true, "bfloat16", nil},
		{"llama3_scaled_tied", "", quant.FP4, false, "float32", nil},
		{"gpt2", "", quant.NF4, false, "float32", nil},
		{"qwen3_moe", "", quant.NF4, false, "float32", nil},
	} {
		var g golden
		j.Model = tol.Golden(t, "models/"+j.Model)
		readJSON(t, filepath.Join(j.Model, "golden.json"), &g)
		j.Out, j.Pairs = filepath.Join(t.TempDir(), "saved"), g.Pairs
		jobs = append(jobs, j)
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "save_4bit.py"), string(text))
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var logps [][]float64
	if err := json.Unmarshal(out, &logps); err != nil {
		t.Fatal(err)
	}
	for i, j := range jobs {
		s := quant.Scheme{Type: j.Type, BlockSize: 64, Nested: j.Nested}
		t.Run(filepath.Base(j.Model)+" "+s.String()+" of "+j.DType, func(t *testing.T) {
			d, c := open(t, j.Out, "config.json")
			e, err := NewScorer(d, c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			b, _ := (&golden{Pairs: j.Pairs}).batch()
			got, err := e.Score(t.Context(), b, 0)
			if err != nil {
				t.Fatal(err)
			}
			compareLogps(t, got.Logp, logps[i], 1e-5)
			stored, err := d.Fingerprint(c, Options{}.Numerics())
			if err != nil {
				t.Fatal(err)
			}
			if stored[3].Digest != s.String() {
				t.Errorf("item %s is %q, want %q", stored[3].Name, stored[3].Digest, s)
			}
			made, c2 := open(t, j.Model, "config.json")
			if j.DType != "float32" {
				return // weights that were rounded first
			}
			if err := made.Quantize(c2, s); err != nil {
				t.Fatal(err)
			}
			items, err := made.Fingerprint(c2, Options{}.Numerics())
			if err != nil {
				t.Fatal(err)
			}
			for k := range items {
				// The mean magnitude that double quantization starts from has other last bits than torch's.
				if items[k].Digest != stored[k].Digest && !(j.Nested && k == 0) {
					t.Errorf("item %s is %q quantized on loading, %q as stored", items[k].Name, items[k].Digest, stored[k].Digest)
				}
			}
		})
	}
}
