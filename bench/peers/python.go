package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Python is the peers in Python.
type Python struct {
	Interpreter string // of an environment that has them
	Scripts     string // the directory of the scripts
	Model       string
	Pairs       string // a JSON file in ShareGPT's layout
	MaxLength   int
	Limit       int // pairs of the sample; 0 is all
	Steps, Warm int // optimizer steps, and how many of them, the first, are not timed
	Threads     int
}

// A Result is what a script prints.
type Result struct {
	PairIDs         []string          `json:"pair_ids"`
	RefLogps        [][2]float64      `json:"ref_logps"`
	ReferenceS      float64           `json:"reference_s"`
	ReferencePeakMB float64           `json:"reference_peak_mb"` // 0 where the script can't tell
	Losses          []float64         `json:"losses"`
	TrainS          float64           `json:"train_s"`
	TrainPairs      int               `json:"train_pairs"`
	PeakMB          float64           `json:"peak_mb"`
	Versions        map[string]string `json:"versions"`
}

// Run runs a script. Its messages are part of the error only.
func (p Python) Run(ctx context.Context, script string, args ...string) (r Result, err error) {
	line := []string{filepath.Join(p.Scripts, script), "--model", p.Model, "--pairs", p.Pairs, "--steps", strconv.Itoa(p.Steps), "--warm", strconv.Itoa(p.Warm),
		"--max-length", strconv.Itoa(p.MaxLength), "--threads", strconv.Itoa(p.Threads)}
	if p.Limit > 0 {
		line = append(line, "--limit", strconv.Itoa(p.Limit))
	}
	cmd := exec.CommandContext(ctx, p.Interpreter, append(line, args...)...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "OMP_NUM_THREADS="+strconv.Itoa(p.Threads))
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		text := messages.Bytes()
		return r, fmt.Errorf("%s: %w: %s", script, err, text[max(0, len(text)-2000):])
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("%s: %w", script, err)
	}
	return r, nil
}
