package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A model whose weights are cut short, or whose header lies, stops precompute and train before they have written anything.
func TestTornModelStopsBeforeAnyWork(t *testing.T) {
	demo, pairs := demoFiles(t)
	dir := t.TempDir()
	cacheDir := filepath.Join(dir, "cache")
	invoke(t, exitDone, "precompute", "--model", demo, "--pairs", pairs, "--cache", cacheDir, "--limit", "2")
	weights := readFile(t, filepath.Join(demo, "model.safetensors"))
	for name, torn := range map[string][]byte{
		"cut":   weights[:len(weights)-1],
		"empty": nil,
		"lying": []byte(strings.Replace(string(weights), `"BF16"`, `"F32" `, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			model := filepath.Join(t.TempDir(), "model")
			if err := os.CopyFS(model, os.DirFS(demo)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(model, "model.safetensors")
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, torn, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"train", "--model", model, "--cache", cacheDir, "--output", filepath.Join(dir, name+"-run")},
				{"precompute", "--model", model, "--pairs", pairs, "--cache", filepath.Join(dir, name+"-cache")},
			} {
				_, stderr := invoke(t, exitFailed, args...)
				if !strings.Contains(stderr, "corrupt safetensors file") || !strings.Contains(stderr, path) {
					t.Errorf("%s says %q", args[0], stderr)
				}
				if entries, err := os.ReadDir(args[len(args)-1]); len(entries) > 0 {
					t.Errorf("%s left %v (%v)", args[0], entries, err)
				}
			}
		})
	}
}
