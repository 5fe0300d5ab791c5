package checkpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// A checkpoint of the model without its head, with a mask that old ones hold, is the same model.
func TestNamesWithoutTheBase(t *testing.T) {
	golden := tol.Golden(t, "models/gpt2")
	d, c := open(t, golden)
	dir := t.TempDir()
	bare := []checkpoint.Named{{Name: "h.0.attn.bias", Shape: []int{1, 1, 2, 2}, Data: []float32{1, 0, 1, 1}}}
	for _, tensor := range widened(t, d, c) {
		tensor.Name = strings.TrimPrefix(tensor.Name, "transformer.")
		bare = append(bare, tensor)
	}
	if err := checkpoint.WriteTensors(filepath.Join(dir, "model.safetensors"), bare); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(golden, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "config.json"), text)
	other, _ := open(t, dir)
	if err := other.Validate(c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(widened(t, d, c), widened(t, other, c)); diff != "" {
		t.Error(diff)
	}
	want, err := d.Fingerprint(c, "x")
	if err != nil {
		t.Fatal(err)
	}
	got, err := other.Fingerprint(c, "x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i].Digest != got[i].Digest {
			t.Errorf("%s is %s, want %s", want[i].Name, got[i].Digest, want[i].Digest)
		}
	}
}
