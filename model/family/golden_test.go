package family_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// goldenModels are tiny random checkpoints, one a family (testdata/README.md).
var goldenModels = []string{
	"gemma", "gemma2", "gemma3", "gpt2", "gpt_neox", "llama", "llama3_scaled_tied", "mistral_window", "mixtral", "olmo2", "olmo3", "olmoe",
	"phi3", "qwen2", "qwen3", "qwen3_moe", "smollm3",
}

// Every tensor of a checkpoint that transformers wrote has its place, and none is missing.
func TestTensorsOfGoldens(t *testing.T) {
	for _, name := range goldenModels {
		t.Run(name, func(t *testing.T) {
			d, err := checkpoint.Open(tol.Golden(t, filepath.Join("models", name)))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			c, err := d.Config()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Validate(c); err != nil {
				t.Error(err)
			}
			var specs []string
			for _, s := range c.Tensors() {
				specs = append(specs, s.Name)
			}
			slices.Sort(specs)
			if !slices.Equal(specs, d.Names()) {
				t.Errorf("tensors %q, want %q", specs, d.Names())
			}
		})
	}
}
